//! What has happened to the files of a machine.

/// How often what has happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileCounts {
    /// Files read.
    pub reads: u64,
    /// Files replaced or renamed.
    pub replaced: u64,
    /// Calls that failed by a fault.
    pub failed: u64,
    /// Crashes within a call.
    pub cut: u64,
    /// Crashes within a call after which the old file was there.
    pub undone: u64,
}
