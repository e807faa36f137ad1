//! What a disk can do wrong.

use std::path::PathBuf;

use crate::ids::ProxyId;

/// A read, write or flush that failed, or a record that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{location}: {operation}: {reason}")]
pub struct DiskError {
    /// The disk.
    pub location: String,
    /// What was tried, as a fragment.
    pub operation: &'static str,
    /// What went wrong, as a fragment.
    pub reason: String,
}

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
    #[error("the store in `{location}` is damaged: {reason}")]
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
    /// The settings make no sense together.
    #[error("the settings of the store: {0}")]
    Settings(String),
    /// A read or write failed on the way.
    #[error(transparent)]
    Disk(#[from] DiskError),
}
