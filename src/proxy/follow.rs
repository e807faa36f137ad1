//! What follows from each change of the table: the links to peers, and what agents are told.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use warren_raft::RoutingStore;

use super::mesh::Links;
use super::public::ClusterView;

/// Follows the table until `cancel`.
pub(super) async fn follow(store: RoutingStore, links: Links, view: watch::Sender<ClusterView>, cancel: CancellationToken) {
    let mut applied = store.applied();
    loop {
        applied.mark_unchanged();
        let table = store.table();
        links.follow(&table);
        let now = ClusterView::of(&table);
        view.send_if_modified(|told| {
            let changed = *told != now;
            *told = now;
            changed
        });
        tokio::select! {
            changed = applied.changed() => if changed.is_err() { return },
            () = cancel.cancelled() => return,
        }
    }
}
