//! Whether a member's disk takes writes, as people and the other parts are told.

use std::fmt;

use tokio::time::Instant;

/// How the disk under the store does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiskState {
    /// It takes writes.
    Writable,
    /// It is full. The table is as it was when that began, nothing is written, and it is tried again by itself.
    Full(Outage),
    /// It has failed: this process has to end.
    Failed(Outage),
}

/// What is wrong with a disk, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// Where the store is.
    pub location: String,
    /// What the disk said at the last try, with its path.
    pub reason: String,
    /// When it began.
    pub since: Instant,
}

impl DiskState {
    /// What is wrong; `None` while nothing is.
    pub fn outage(&self) -> Option<&Outage> {
        match self {
            Self::Writable => None,
            Self::Full(outage) | Self::Failed(outage) => Some(outage),
        }
    }
}

impl fmt::Display for DiskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Writable => f.pad("writable"),
            Self::Full(outage) => write!(f, "the disk is full: {}", outage.reason),
            Self::Failed(outage) => write!(f, "the disk has failed: {}", outage.reason),
        }
    }
}
