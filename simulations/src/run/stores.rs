//! The disks of simulated hosts, as the production asks for them.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use warren::net::{SetAside, Stores};
use warren_raft::{DiskDrive, Level, Tuning, Volume};

use crate::disk::SimVolume;

/// The disk of one host: it has one routing store.
#[derive(Clone)]
pub(super) struct HostStores {
    pub(super) volume: Arc<SimVolume>,
    pub(super) snapshot_after: u64,
    pub(super) keep_behind_snapshot: u64,
    /// The feature level of the version that runs.
    pub(super) level: Level,
}

impl Stores for HostStores {
    fn volume(&self, _: &Path) -> Arc<dyn Volume> {
        self.volume.clone()
    }

    fn set_aside(&self, _: &Path, _: &Path) -> io::Result<SetAside> {
        Ok(self.volume.set_aside())
    }

    fn tuning(&self) -> Tuning {
        let (snapshot_after, keep_behind_snapshot) = (self.snapshot_after, self.keep_behind_snapshot);
        Tuning { drive: DiskDrive::Task, snapshot_after, keep_behind_snapshot, level: self.level, ..Tuning::default() }
    }
}

impl fmt::Debug for HostStores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostStores")
    }
}
