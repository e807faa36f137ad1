//! The one who looks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use warren_raft::{DiskState, LeaseState, ProxyId, RoutingStore};

use super::chronicle::Chronicle;
use super::glance::{Glance, Own};
use super::happening::Happening;
use super::history::{History, Sample, Totals, per_second};
use super::losses::Losses;
use crate::net::Env;
use crate::proxy::mesh::{Links, Packets};
use crate::proxy::metrics::Metrics;
use crate::proxy::rotation::Connected;
use crate::proxy::tunnels::Tunnels;
use crate::wire::vitals::MAX_LINKS;
use crate::wire::{Heard, LinkVitals, MemberRole, Vitals};

/// How often is looked.
const EVERY: Duration = Duration::from_secs(2);
/// Over which time a rate is told: long enough to be calm.
const RATE: Duration = Duration::from_secs(10);
/// Over which time dials are counted.
const MINUTE: Duration = Duration::from_secs(60);

/// What is looked at.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct Seen {
    pub env: Env,
    pub store: RoutingStore,
    pub links: Links,
    pub tunnels: Arc<Tunnels>,
    pub metrics: Metrics,
    pub connected: Connected,
    pub renewal_failed: watch::Receiver<Option<String>>,
}

/// What is kept in mind. Cheap to clone.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct Lookout {
    seen: Seen,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    history: History,
    losses: Losses,
    chronicle: Chronicle,
    looked: Option<Instant>,
}

impl Lookout {
    /// Nothing has been looked at yet.
    pub(in crate::proxy) fn new(seen: Seen) -> Self {
        Self { seen, kept: Arc::default() }
    }

    /// Looks every two seconds until `stopped`.
    pub(in crate::proxy) async fn run(self, stopped: CancellationToken) {
        let looking = async {
            loop {
                self.look();
                sleep(EVERY).await;
            }
        };
        stopped.run_until_cancelled(looking).await;
    }

    fn look(&self) {
        let Seen { env, store, links, tunnels, metrics, connected, renewal_failed } = &self.seen;
        let (now, at, status) = (Instant::now(), env.wall.now(), store.status());
        let own = Own {
            holds_lease: matches!(*store.lease().borrow(), LeaseState::Held(_)),
            is_writable: *store.disk().borrow() == DiskState::Writable,
            renewal_failed: renewal_failed.borrow().clone(),
            expiring: connected.expiring(at),
        };
        let glance = Glance::of(&store.table(), (status.leader, status.term), own);
        let traffic = links.traffic();
        let [sent_bytes, received_bytes] = env.readers.moved_bytes();
        let (dials_connected, dials_failed) = metrics.dials().counts();
        let totals = Totals { sent_bytes, received_bytes, dials_connected, dials_failed };
        let levels = (metrics.streams().running(), u64::try_from(tunnels.count()).unwrap_or(u64::MAX));
        let mut kept = self.kept();
        let span = kept.looked.replace(now).map(|before| now - before).unwrap_or_default();
        kept.history.look(totals, levels, (at, span));
        kept.losses.look(&traffic);
        kept.chronicle.look(glance, at);
    }

    /// What ran through this proxy, the oldest first.
    pub(in crate::proxy) fn samples(&self) -> Vec<Sample> {
        self.kept().history.samples().copied().collect()
    }

    /// What happened, the newest first.
    pub(in crate::proxy) fn happened(&self) -> Vec<Happening> {
        self.kept().chronicle.happened().cloned().collect()
    }

    /// Packets sent to each peer and lost, since this proxy knows it.
    pub(in crate::proxy) fn packets(&self) -> BTreeMap<ProxyId, Packets> {
        self.kept().losses.totals()
    }

    /// What a proxy that draws the cluster is told.
    pub(in crate::proxy) fn vitals(&self) -> Vitals {
        let status = self.seen.store.status();
        let traffic = self.seen.links.traffic();
        let kept = self.kept();
        let (bytes, bytes_span) = kept.history.last(RATE);
        let (dials, _) = kept.history.last(MINUTE);
        let links = traffic.iter().take(MAX_LINKS).map(|(peer, traffic)| LinkVitals {
            peer: *peer,
            round_trip_us: traffic.round_trip.map(|trip| u64::try_from(trip.as_micros()).unwrap_or(u64::MAX)),
            lost_ppm: kept.losses.lost_ppm(*peer),
        });
        Vitals {
            role: Heard::Known(status.state.parse().unwrap_or(MemberRole::Stopped)),
            leader: status.leader,
            term: status.term,
            last_log_index: status.last_log_index,
            committed_index: status.committed_index,
            applied_index: status.applied_index,
            sent_per_second: per_second(bytes.sent_bytes, bytes_span),
            received_per_second: per_second(bytes.received_bytes, bytes_span),
            dials_connected: dials.dials_connected,
            dials_failed: dials.dials_failed,
            links: links.collect(),
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
