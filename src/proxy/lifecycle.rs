//! A proxy that runs, and how it goes away.
//!
//! ```text
//!  serving --told to stop--> unready, then a drain as in `handover` --streams and tunnels gone, or the drain's deadline--> stopped
//! ```

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use warren_raft::{LeaseState, ProxyId, RoutingStore, Table};

use super::data_dir::DataDir;
use super::handover::Drain;
use super::mesh::Links;
use super::metrics::Metrics;
use super::threads::Heart;
use super::tuning::{Tunable, Tuning};
use crate::identity::StoreError;
use crate::net::Budget;
use crate::wire::close::Close;

/// How long the cluster may take to note that this proxy has left; if it does not, the lease ends by itself.
const FAREWELL: Duration = Duration::from_secs(1);
/// How long a proxy whose store has failed may take to end: its farewell, and a moment for the rest.
const GIVE_UP: Duration = Duration::from_secs(2);
/// How long what was under way may take to see that it is over.
const LAST_TASKS: Duration = Duration::from_millis(500);
/// How long the last packets may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// A proxy that runs.
#[derive(Debug)]
pub struct RunningProxy(Parts);

/// What it is made of.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) id: ProxyId,
    pub(super) store: RoutingStore,
    pub(super) links: Links,
    pub(super) metrics: Metrics,
    pub(super) tuning: Tuning,
    pub(super) heart: Heart,
    pub(super) drain: Drain,
    pub(super) peer: quinn::Endpoint,
    pub(super) public: quinn::Endpoint,
    pub(super) http_address: Option<SocketAddr>,
    pub(super) tasks: TaskTracker,
    pub(super) leaving: CancellationToken,
    pub(super) stopped: CancellationToken,
    pub(super) removed: CancellationToken,
    pub(super) dir: DataDir,
}

impl RunningProxy {
    pub(super) fn new(parts: Parts) -> Self {
        Self(parts)
    }

    /// Its id in the cluster.
    pub fn id(&self) -> ProxyId {
        self.0.id
    }

    /// Where agents and clients reach it.
    ///
    /// # Errors
    /// The socket's.
    pub fn public_addr(&self) -> std::io::Result<SocketAddr> {
        self.0.public.local_addr()
    }

    /// Where peers reach it.
    ///
    /// # Errors
    /// The socket's.
    pub fn peer_addr(&self) -> std::io::Result<SocketAddr> {
        self.0.peer.local_addr()
    }

    /// Where probes and scrapers reach it.
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.0.http_address
    }

    /// What the cluster knows, as far as it is known here.
    pub fn table(&self) -> Arc<Table> {
        self.0.store.table()
    }

    /// The routing store's member.
    pub fn store(&self) -> &RoutingStore {
        &self.0.store
    }

    /// How long a question to a peer takes, there and back, where Raft's own messages travel; `None` when it is not answered within the budget.
    pub async fn round_trip(&self, peer: ProxyId, budget: Budget) -> Option<Duration> {
        self.0.links.ping(peer, budget).await
    }

    /// Resolves once this proxy may act for the cluster.
    pub async fn ready(&self) {
        // The sender lives as long as the store.
        let _ = self.0.store.lease().wait_for(|lease| matches!(lease, LeaseState::Held(_))).await;
    }

    /// Whether its threads still get on with their work.
    pub fn heart(&self) -> Heart {
        self.0.heart.clone()
    }

    /// Changes what may change while it runs.
    pub fn tune(&self, tunable: Tunable) {
        self.0.tuning.set(tunable);
    }

    /// What it does, in a few words.
    pub fn summary(&self) -> String {
        let Parts { store, metrics, drain, .. } = &self.0;
        let status = store.status();
        let doing = match (*store.lease().borrow(), status.leader == Some(self.0.id)) {
            _ if drain.is_on() => "draining",
            (LeaseState::Lost, _) => "without a lease: it reaches no leader",
            (LeaseState::Held(_), true) => "serving, leader",
            (LeaseState::Held(_), false) => "serving",
        };
        format!("{doing}; {} streams", metrics.streams().running())
    }

    /// Resolves when the proxy cannot go on, with the reason.
    pub async fn failed(&self) -> String {
        self.0.store.failed().await
    }

    /// Goes away in good order: unready first, another voter leads, agents are told to go elsewhere, streams run on until the drain's deadline or `hurry`, or the store
    /// fails. Returns how many streams were cut.
    pub async fn drain(self, hurry: impl Future<Output = ()>) -> u64 {
        self.0.leaving.cancel();
        let is_failed = tokio::select! {
            () = self.0.drain.left() => false,
            () = hurry => {
                tracing::info!("stopping at once");
                false
            }
            reason = self.0.store.failed() => {
                tracing::error!(reason, "the store has failed: the drain is given up");
                true
            }
        };
        // Those that were cut at the deadline, and those that are cut now.
        let cut = self.0.drain.cut_streams() + self.0.metrics.streams().cut();
        if is_failed {
            self.give_up().await;
        } else {
            self.stop().await;
        }
        cut
    }

    /// Resolves when the proxy belongs to the cluster no more.
    pub async fn removed(&self) {
        self.0.removed.cancelled().await;
    }

    /// Ends a proxy that belongs to the cluster no more as [`drain`](Self::drain) does, and notes that it must not start again. Returns its
    /// data directory.
    ///
    /// # Errors
    /// [`StoreError`] when that could not be noted; the peers refuse it all the same.
    pub async fn retire(self, hurry: impl Future<Output = ()>) -> Result<PathBuf, StoreError> {
        let (path, noted) = (self.0.dir.path().to_owned(), self.0.dir.mark_removed());
        self.drain(hurry).await;
        noted.map(|()| path)
    }

    /// Ends a proxy whose store has failed: as [`stop`](Self::stop) does, and no later than a moment after, whatever waits for an answer that cannot come any more.
    pub async fn give_up(self) {
        if Budget::new(GIVE_UP).run(self.stop()).await.is_err() {
            tracing::warn!("not everything has ended in time");
        }
    }

    /// Stops at once; whatever runs through it is cut.
    pub async fn stop(self) {
        let Parts { store, links, peer, public, tasks, leaving, stopped, dir, .. } = self.0;
        leaving.cancel();
        // While the peers are still served: the end of the epoch is confirmed when it has arrived here.
        store.leave(FAREWELL).await;
        stopped.cancel();
        public.close(Close::LEAVING.code(), Close::LEAVING.reason().as_bytes());
        tasks.close();
        // Nobody serves the peers from here on, so what has not ended by now is not waited for: to them this proxy would seem to live.
        if Budget::new(LAST_TASKS).run(tasks.wait()).await.is_err() {
            tracing::warn!(tasks = tasks.len(), "not everything has ended in time");
        }
        links.shutdown().await;
        store.shutdown().await;
        peer.close(Close::LEAVING.code(), Close::LEAVING.reason().as_bytes());
        for endpoint in [public, peer] {
            // A peer that does not answer is not waited for.
            let _ = Budget::new(GOODBYE).run(endpoint.wait_idle()).await;
        }
        drop(dir);
    }
}
