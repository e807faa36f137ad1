//! Since when the tunnels are where they are.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use warren_raft::{RoutingStore, Strategy, Table, Timestamp};

use super::arrangement::Arrangement;
use crate::net::Env;

/// How often the table is looked at while it changes: what is shown is for people.
const LOOK: Duration = Duration::from_millis(250);

/// The last time that strategy, proxies or placements have changed, as this proxy has seen it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) struct Settled {
    /// By the wall clock, for people.
    pub(in crate::proxy) since: Timestamp,
    /// By the monotonic one, for decisions.
    pub(in crate::proxy) at: Instant,
}

/// What is compared.
type Seen = (Option<Strategy>, Arrangement);

/// Watches since when nothing has changed.
#[derive(Debug)]
pub(in crate::proxy) struct Settling {
    env: Env,
    settled: watch::Sender<Settled>,
}

impl Settling {
    /// One that has seen nothing before now.
    pub(in crate::proxy) fn new(env: Env) -> Self {
        let settled = watch::Sender::new(Settled { since: env.wall.now(), at: Instant::now() });
        Self { env, settled }
    }

    /// What it has seen.
    pub(in crate::proxy) fn seen(&self) -> watch::Receiver<Settled> {
        self.settled.subscribe()
    }

    /// Follows the table until `cancel`.
    pub(in crate::proxy) async fn follow(self, store: RoutingStore, cancel: CancellationToken) {
        let mut applied = store.applied();
        let mut last = seen(&store.table());
        let watching = async {
            while applied.changed().await.is_ok() {
                let now = seen(&store.table());
                if now != last {
                    last = now;
                    self.settled.send_replace(Settled { since: self.env.wall.now(), at: Instant::now() });
                }
                sleep(LOOK).await;
            }
        };
        // The store outlives this.
        let _ = cancel.run_until_cancelled(watching).await;
    }
}

fn seen(table: &Table) -> Seen {
    (table.cluster().map(|cluster| cluster.strategy), Arrangement::of(table))
}
