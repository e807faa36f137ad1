//! What a disk can do wrong.

use std::fmt;
use std::path::PathBuf;

use crate::ids::{Incarnation, Level, ProxyId};

/// A read, write or flush that failed, or a record that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{location}: {operation}: {reason}")]
pub struct DiskError {
    /// The disk.
    pub location: String,
    /// What was tried.
    pub operation: Operation,
    /// Whether it may pass.
    pub fault: Fault,
    /// What went wrong, as a fragment.
    pub reason: String,
}

impl DiskError {
    /// An error that does not pass: nothing is known of the disk any more.
    pub fn broken(location: String, operation: Operation, reason: impl Into<String>) -> Self {
        Self { location, operation, fault: Fault::Broken, reason: reason.into() }
    }

    /// There is no room.
    pub fn full(location: String, operation: Operation, reason: impl Into<String>) -> Self {
        Self { location, operation, fault: Fault::Full, reason: reason.into() }
    }
}

/// Whether the error of a disk may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// There is no room (`ENOSPC`, `EDQUOT`): the store can be opened again once there is.
    Full,
    /// Anything else: what the disk holds, and whether it keeps it, is not known any more.
    Broken,
}

/// What a disk was doing when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Reading.
    Read,
    /// Writing a batch.
    Write,
    /// Making it durable.
    Flush,
    /// Understanding what was read: the store is damaged.
    Decode,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Flush => "flush",
            Self::Decode => "the store is damaged",
        })
    }
}

/// What is to be done about a store that cannot be trusted.
const REJOIN: &str = "move the data directory away and join as a new proxy: `warren join`";

/// Why a store does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("the store in `{}` is in use by another process", .path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The directory or its files cannot be read or written.
    #[error("the store in `{}` cannot be opened: {reason}", .path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The files are not what the store wrote.
    #[error("the store in `{location}` is damaged: {reason}; {REJOIN}")]
    Damaged {
        /// The directory.
        location: String,
        /// What does not fit.
        reason: String,
    },
    /// It is the store of another proxy.
    #[error("the store in `{location}` belongs to proxy {found}, not to proxy {expected}")]
    OtherProxy {
        /// The directory.
        location: String,
        /// Whose it is.
        found: ProxyId,
        /// Whose it should be.
        expected: ProxyId,
    },
    /// It has lost what it held, or is an older copy: a member must not forget what it has acknowledged and whom it has voted for.
    #[error(
        "the store in `{location}` was lost or replaced by an older one: it was opened {found} times, and {known} times before; {REJOIN}"
    )]
    Reverted {
        /// The directory.
        location: String,
        /// How often this store was opened.
        found: Incarnation,
        /// How often it is known to have been.
        known: Incarnation,
    },
    /// The database is older than what was noted beside it.
    #[error(
        "`{}` has lost what it held: it knows of {found} flushes, and {noted} were noted in `fence` beside it; {REJOIN}", .path.display()
    )]
    Behind {
        /// The database's file.
        path: PathBuf,
        /// How many flushes it knows of.
        found: u64,
        /// How many it must know of.
        noted: u64,
    },
    /// A later version of warren wrote it.
    #[error("the store in `{location}` has format {found}; this version reads formats up to {known}")]
    Format {
        /// The directory.
        location: String,
        /// Its format.
        found: u32,
        /// The newest that is known here.
        known: u32,
    },
    /// It holds what only a later version of warren can read.
    #[error(
        "the store in `{location}` is of feature level {found} and this version of warren knows {known}: update warren on this machine"
    )]
    Outdated {
        /// The directory.
        location: String,
        /// The level that it may need.
        found: Level,
        /// The highest that is known here.
        known: Level,
    },
    /// The settings make no sense together.
    #[error("the settings of the store: {0}")]
    Settings(String),
    /// A read or write failed on the way, or there is no room.
    #[error(transparent)]
    Disk(DiskError),
}

impl From<DiskError> for OpenError {
    fn from(error: DiskError) -> Self {
        match error.operation {
            Operation::Decode => Self::Damaged { location: error.location, reason: error.reason },
            Operation::Read | Operation::Write | Operation::Flush => Self::Disk(error),
        }
    }
}
