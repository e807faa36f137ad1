//! What a proxy says of its disk.

use tokio::time::Instant;
use warren_raft::{DiskState, Outage, RoutingStore};

use crate::failure::MAX_TEXT;
use crate::wire::peer::{DiskFault, DiskReport};

/// What is wrong with the disk of this proxy's store; `None` while it takes writes.
pub(super) fn disk_report(store: &RoutingStore) -> Option<DiskReport> {
    let disk = store.disk();
    let state = disk.borrow();
    match &*state {
        DiskState::Writable => None,
        DiskState::Full(outage) => Some(report(DiskFault::Full, outage)),
        DiskState::Failed(outage) => Some(report(DiskFault::Failed, outage)),
    }
}

fn report(fault: DiskFault, outage: &Outage) -> DiskReport {
    let cut = |text: &str| text.chars().take(MAX_TEXT).collect();
    let seconds = Instant::now().saturating_duration_since(outage.since).as_secs();
    DiskReport { fault, location: cut(&outage.location), reason: cut(&outage.reason), seconds }
}
