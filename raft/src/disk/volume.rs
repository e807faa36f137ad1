//! Where a disk comes from: it is opened again and again in the life of a member.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Disk, MemoryDisk, OpenError, SledDisk};

/// Opens the disk of a member: at its start, and anew after it had to be closed.
///
/// Only one of the disks that it has opened is used at a time; the one before was [closed](Disk::close).
pub trait Volume: Send + Sync + 'static {
    /// Where it is, for messages to people.
    fn location(&self) -> String;

    /// Opens the disk, making it if there is none. Blocks.
    ///
    /// # Errors
    /// [`OpenError`]
    fn open(self: Arc<Self>) -> Result<Arc<dyn Disk>, OpenError>;
}

/// A directory for a sled database.
#[derive(Clone, Debug)]
pub struct SledVolume {
    path: PathBuf,
}

impl SledVolume {
    /// The database in `path`. Nothing is looked at yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

impl Volume for SledVolume {
    fn location(&self) -> String {
        self.path.display().to_string()
    }

    fn open(self: Arc<Self>) -> Result<Arc<dyn Disk>, OpenError> {
        Ok(Arc::new(SledDisk::open(&self.path)?))
    }
}

/// The same disk again, with what it holds.
impl Volume for MemoryDisk {
    fn location(&self) -> String {
        Disk::location(self)
    }

    fn open(self: Arc<Self>) -> Result<Arc<dyn Disk>, OpenError> {
        self.reopen();
        Ok(self)
    }
}
