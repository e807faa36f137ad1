//! Connections whose certificate is revoked are cut as soon as the table says so. New ones are refused in the handshake.

use tokio_util::sync::CancellationToken;
use warren_raft::Table;
use warren_raft::table::Revocations;

use super::Rotations;
use crate::proxy::metrics::Metrics;

/// Follows the table until `cancel`.
pub(in crate::proxy) async fn cut_revoked(rotations: Rotations, metrics: Metrics, cancel: CancellationToken) {
    let mut applied = rotations.store.applied();
    let mut known = Revocations::default();
    loop {
        // The table changes with every tunnel, and these hardly ever do.
        let revoked = rotations.store.with_table(Table::revocations);
        if !revoked.is_same(&known) {
            let now = rotations.env.wall.now();
            let is_revoked = |serial| revoked.refuse(serial, now);
            let cut = rotations.connected.cut(is_revoked) + rotations.links.cut_revoked(is_revoked);
            (0..cut).for_each(|_| metrics.certificates().cut());
            known = revoked;
        }
        tokio::select! {
            changed = applied.changed() => if changed.is_err() { return },
            () = cancel.cancelled() => return,
        }
    }
}
