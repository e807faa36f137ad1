//! How a running proxy learns that it was removed from the cluster, and ends.
//!
//! ```text
//!  its own table: marked --> leaving: agents told --votes no more--> removed
//!  its peers refuse it, and its lease is lost -----------------------> removed
//! ```
//! It must *never* end while its vote may be needed to take its vote, and *never* on a peer's word alone while the group renews its
//! lease: after a recovery there may be a peer of another group that knows nothing of this one.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use warren_raft::{LeaseState, ProxyId, RoutingStore};

use super::mesh::Links;

/// How often a proxy that is to leave looks whether it still votes.
const LOOK: Duration = Duration::from_millis(50);

/// What tells a proxy that it was removed.
#[derive(Debug)]
pub(super) struct Removal {
    pub(super) me: ProxyId,
    pub(super) store: RoutingStore,
    pub(super) links: Links,
    /// Cancelled as soon as it is to leave.
    pub(super) leaving: CancellationToken,
    /// Cancelled once it belongs to the cluster no more.
    pub(super) removed: CancellationToken,
}

impl Removal {
    /// Watches until the proxy is removed or `stopped`.
    pub(super) async fn watch(self, stopped: CancellationToken) {
        tokio::select! {
            () = self.told_by_table() => {}
            () = self.told_by_peers() => {}
            () = stopped.cancelled() => return,
        }
        self.removed.cancel();
    }

    async fn told_by_table(&self) {
        let mut applied = self.store.applied();
        loop {
            let table = self.store.table();
            if table.has_removed(self.me) {
                return;
            }
            if table.proxy(self.me).is_some_and(|proxy| proxy.removed) {
                self.leaving.cancel();
                let status = self.store.status();
                if !status.voters.contains(&self.me) && status.leader != Some(self.me) {
                    return;
                }
                sleep(LOOK).await;
            } else if applied.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    async fn told_by_peers(&self) {
        loop {
            self.links.refused_as_removed().await;
            if *self.store.lease().borrow() == LeaseState::Lost {
                return;
            }
        }
    }
}
