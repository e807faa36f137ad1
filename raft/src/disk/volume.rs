//! Where a disk comes from: it is opened again and again in the life of a member.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::room::{ENOUGH, LEAST};
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
pub struct SledVolume {
    path: PathBuf,
    /// The disk that was opened last.
    last: Mutex<Option<Arc<SledDisk>>>,
}

impl SledVolume {
    /// The database in `path`. Nothing is looked at yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), last: Mutex::default() }
    }
}

impl Volume for SledVolume {
    fn location(&self) -> String {
        self.path.display().to_string()
    }

    fn open(self: Arc<Self>) -> Result<Arc<dyn Disk>, OpenError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref().is_some_and(|disk| disk.is_abandoned()) {
            let reason = "sled holds on to its files since it has met an error; start this proxy again".to_owned();
            return Err(OpenError::Io { path: self.path.clone(), reason });
        }
        // A disk of this process was closed because it was full, or else there is none.
        let least = if last.is_some() { ENOUGH } else { LEAST };
        let disk = Arc::new(SledDisk::open_with_room(&self.path, least)?);
        *last = Some(Arc::clone(&disk));
        Ok(disk)
    }
}

/// The same disk again, with what it holds.
impl Volume for MemoryDisk {
    fn location(&self) -> String {
        Disk::location(self)
    }

    fn open(self: Arc<Self>) -> Result<Arc<dyn Disk>, OpenError> {
        self.check_fence()?;
        self.reopen();
        Ok(self)
    }
}
