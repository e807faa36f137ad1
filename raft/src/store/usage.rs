//! What a member's store takes.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::core::Core;

/// What a member's store takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreUsage {
    /// The last entry that the current snapshot holds; 0 without one.
    pub snapshot_index: u64,
    /// What the current snapshot takes.
    pub snapshot_bytes: u64,
    /// How long the last snapshot that was made here took; zero before the first.
    pub snapshot_took: Duration,
    /// The entries of the log.
    pub log_entries: u64,
    /// What they take.
    pub log_bytes: u64,
    /// What all files of the store take, as of a few seconds ago.
    pub disk_bytes: u64,
}

impl StoreUsage {
    pub(super) fn of(core: &Core) -> Self {
        let shelf = core.shelf.load();
        let current = shelf.as_ref().and_then(|shelf| shelf.current());
        let log = core.sizes.all();
        Self {
            snapshot_index: current.as_ref().and_then(|current| current.meta().last_log_id).map_or(0, |id| id.index),
            snapshot_bytes: current.as_ref().map_or(0, |current| current.bytes()),
            snapshot_took: shelf.as_ref().map(|shelf| shelf.took()).unwrap_or_default(),
            log_entries: log.entries,
            log_bytes: log.bytes,
            disk_bytes: core.disk_bytes.load(Ordering::Relaxed),
        }
    }
}
