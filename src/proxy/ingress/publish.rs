//! Tells the cluster what this proxy's doors let through.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use warren_raft::{Command, IngressRule, LeaseState, Level, ProxyId, RoutingStore};

use crate::net::{Backoff, Env};

/// How long the cluster may take to note it.
const COMMIT: Duration = Duration::from_secs(5);
/// Since when the table has doors.
pub(in crate::proxy) const PUBLISHED_SINCE: Level = Level(4);

/// What is to be published.
#[derive(Debug)]
pub(in crate::proxy) struct Publishing {
    pub(in crate::proxy) me: ProxyId,
    pub(in crate::proxy) env: Env,
    pub(in crate::proxy) store: RoutingStore,
    pub(in crate::proxy) rules: Vec<IngressRule>,
}

impl Publishing {
    /// Sees that the table has the rules, until `stopped`.
    pub(in crate::proxy) async fn run(self, stopped: CancellationToken) {
        let mut applied = self.store.applied();
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        loop {
            applied.mark_unchanged();
            if !self.is_due() {
                tokio::select! {
                    changed = applied.changed() => if changed.is_err() { return },
                    () = stopped.cancelled() => return,
                }
                continue;
            }
            let command = Command::SetIngress { proxy: self.me, rules: self.rules.clone() };
            let committed = tokio::select! {
                committed = self.store.propose(command, COMMIT) => committed,
                () = stopped.cancelled() => return,
            };
            let wait = match committed {
                Ok(_) => {
                    tracing::info!(doors = self.rules.len(), "the cluster knows this proxy's ways in");
                    backoff.reset();
                    continue;
                }
                Err(error) => {
                    tracing::debug!(%error, "the ways in are not published yet");
                    backoff.next(&mut self.env.entropy.rng())
                }
            };
            tokio::select! {
                () = sleep(wait) => {}
                () = stopped.cancelled() => return,
            }
        }
    }

    /// Whether the table says something else, and can say this.
    fn is_due(&self) -> bool {
        let may = matches!(*self.store.lease().borrow(), LeaseState::Held(_));
        may && self.store.with_table(|table| {
            let is_member = table.proxy(self.me).is_some_and(|proxy| !proxy.removed);
            is_member && table.level() >= PUBLISHED_SINCE && table.ingress(self.me) != self.rules
        })
    }
}
