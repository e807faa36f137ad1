//! What can be wrong with small files.

use std::io;
use std::path::{Path, PathBuf};

/// Why a file could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file system's.
    #[error("cannot use `{path}`: {source}", path = path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others can read a secret.
    #[error("`{path}` can be read by others (mode {mode:03o}): make it 600, or make a new key if anybody did read it", path = path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

impl FileError {
    /// The system's error, at this path.
    pub fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    /// Whether the file is simply not there.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// Why a directory could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The file system's.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another process has it.
    #[error("the data directory `{0}` is in use by another process: every process needs its own")]
    InUse(PathBuf),
}
