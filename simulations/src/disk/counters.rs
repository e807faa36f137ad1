//! What happened to a disk, in numbers.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// What happened to a disk since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskCounters {
    /// How often it was opened.
    pub openings: u64,
    /// How often it was refused to be opened, since its database was older than what was noted beside it or it was full.
    pub refused: u64,
    /// Batches that were written.
    pub writes: u64,
    /// Flushes that made durable what they said.
    pub flushes: u64,
    /// Files that took their name.
    pub files_kept: u64,
    /// Crashes of its host.
    pub crashes: u64,
    /// Batches that were written, not flushed, and lost in a crash.
    pub batches_lost: u64,
    /// Batches that were written, not flushed, and survived one.
    pub batches_spared: u64,
    /// Files that a crash took while they were being written.
    pub files_torn: u64,
    /// Removed files that were back after a crash.
    pub files_returned: u64,
    /// Reads that failed.
    pub reads_failed: u64,
    /// Writes that failed, of batches and of files.
    pub writes_failed: u64,
    /// Flushes that failed, of batches and of files.
    pub flushes_failed: u64,
    /// Writes for which there was no room.
    pub writes_without_room: u64,
    /// Flushes that took their time.
    pub slow_flushes: u64,
    /// Flushes that said they were done and were not.
    pub lies: u64,
    /// How often its database went back to an earlier state.
    pub reverted: u64,
    /// Files in which a bit flipped.
    pub rotted: u64,
    /// How often it was exchanged for an empty one.
    pub wiped: u64,
}

impl AddAssign for DiskCounters {
    fn add_assign(&mut self, other: Self) {
        self.openings += other.openings;
        self.refused += other.refused;
        self.writes += other.writes;
        self.flushes += other.flushes;
        self.files_kept += other.files_kept;
        self.crashes += other.crashes;
        self.batches_lost += other.batches_lost;
        self.batches_spared += other.batches_spared;
        self.files_torn += other.files_torn;
        self.files_returned += other.files_returned;
        self.reads_failed += other.reads_failed;
        self.writes_failed += other.writes_failed;
        self.flushes_failed += other.flushes_failed;
        self.writes_without_room += other.writes_without_room;
        self.slow_flushes += other.slow_flushes;
        self.lies += other.lies;
        self.reverted += other.reverted;
        self.rotted += other.rotted;
        self.wiped += other.wiped;
    }
}
