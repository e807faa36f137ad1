//! Connections whose certificate is revoked are cut as soon as the table says so. New ones are refused in the handshake.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use warren_raft::Table;
use warren_raft::table::Revocations;

use super::Rotations;
use crate::proxy::metrics::Metrics;

/// How much later peers are cut.
const PEERS: Duration = Duration::from_millis(500);

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
            let cut = rotations.connected.cut(is_revoked);
            // A proxy learns of it over the very connection, and gets itself another certificate. Whoever has stolen one does not.
            sleep(PEERS).await;
            let cut = cut + rotations.links.cut_revoked(is_revoked);
            (0..cut).for_each(|_| metrics.certificates().cut());
            known = revoked;
        }
        tokio::select! {
            changed = applied.changed() => if changed.is_err() { return },
            () = cancel.cancelled() => return,
        }
    }
}
