//! Somebody who asks a proxy for what is so now, again and again.

use std::time::Duration;

use warren_raft::RoutingStore;

use super::stage::{Read, Stage};
use crate::network::HostId;

/// How often is asked.
const EVERY: Duration = Duration::from_millis(300);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks for confirmed reads for as long as it is polled.
pub(super) async fn read(stage: Stage, host: HostId, store: RoutingStore) {
    loop {
        tokio::time::sleep(EVERY).await;
        let acknowledged = stage.acknowledged();
        if store.confirm(PATIENCE).await.is_ok() {
            stage.note_read(Read { host, acknowledged, seen: *store.applied().borrow() });
        }
    }
}
