//! The small files of a machine: keys, certificates, who it is, how often it has started.
//!
//! A file is complete or absent at every moment, also after the loss of power, and a secret one can be read by its owner only. Whatever has to survive a process and is
//! not in the routing store is kept here; nothing below `proxy`, `agent`, `client` and `identity` reaches the file system past it.

mod error;
mod real;

use std::ffi::OsString;
use std::fmt::Debug;
use std::path::Path;

pub use error::{FileError, LockError};
pub use real::RealFiles;

/// Longest file that is read, in bytes; a key or a certificate has a few hundred.
pub const MAX_FILE: u64 = 64 << 10;

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Its owner alone.
    Secret,
    /// Anybody.
    Public,
}

impl Access {
    /// The permission bits of such a file.
    pub fn mode(self) -> u32 {
        match self {
            Self::Secret => 0o600,
            Self::Public => 0o644,
        }
    }
}

/// Keeps small files. What a call has changed is on the disk once it has returned, except where it says otherwise.
pub trait StateFiles: Debug + Send + Sync + 'static {
    /// Reads a whole file of at most [`MAX_FILE`] bytes; a secret one only if nobody else could have.
    ///
    /// # Errors
    /// [`FileError::Exposed`] for a secret that others can read, else whatever the system says.
    fn read(&self, path: &Path, access: Access) -> Result<Vec<u8>, FileError>;

    /// Replaces a file as a whole, or makes it. An error leaves the old file or the new one, never a part.
    ///
    /// # Errors
    /// Whatever the system says.
    fn replace(&self, path: &Path, bytes: &[u8], access: Access) -> Result<(), FileError>;

    /// Makes a directory that only its owner can enter, with its parents, unless it is there.
    ///
    /// # Errors
    /// Whatever the system says.
    fn make_dir(&self, path: &Path) -> Result<(), FileError>;

    /// Takes the directory at `path`, made as [`make_dir`](Self::make_dir) does, for this process alone.
    ///
    /// # Errors
    /// [`LockError::InUse`] while another process has it.
    fn lock_dir(&self, path: &Path) -> Result<DirLock, LockError>;

    /// Whether there is a file or a directory.
    ///
    /// # Errors
    /// It cannot be looked at.
    fn exists(&self, path: &Path) -> Result<bool, FileError>;

    /// Gives a file another name in its directory, in place of what had it.
    ///
    /// # Errors
    /// Whatever the system says: the file has the one name or the other.
    fn rename(&self, from: &Path, to: &Path) -> Result<(), FileError>;

    /// Removes a directory with all that is in it, if it is there. The loss of power may bring some of it back.
    ///
    /// # Errors
    /// Whatever the system says; a part of it may be gone.
    fn remove_tree(&self, path: &Path) -> Result<(), FileError>;

    /// The names of what is in a directory, in order.
    ///
    /// # Errors
    /// Whatever the system says.
    fn list(&self, dir: &Path) -> Result<Vec<OsString>, FileError>;

    /// How many bytes this process may yet write to the file system of a directory, where that is known.
    fn free_bytes(&self, _dir: &Path) -> Option<u64> {
        None
    }
}

/// A directory that this process alone uses, until it is dropped or the process dies.
#[derive(Debug)]
pub struct DirLock {
    _held: Box<dyn Debug + Send + Sync>,
}

impl DirLock {
    /// A directory that is free again once `held` is dropped.
    pub fn new(held: impl Debug + Send + Sync + 'static) -> Self {
        Self { _held: Box::new(held) }
    }
}
