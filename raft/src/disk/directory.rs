//! [`Files`] in a directory: written under a name of their own, synced, renamed, and the directory synced.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::room::{ENOUGH, Room, is_full};
use super::{DiskError, Files, KeptFile, NewFile, Operation};

/// How the name of a file ends that is being written.
const UNFINISHED: &str = ".new";
/// So much is written between two syncs: a flush of the log that comes between waits for no more than this.
const SYNC_EVERY: usize = 4 * 1024 * 1024;

/// The files in a directory.
pub(crate) struct Directory {
    path: PathBuf,
    /// Numbers the files that are being written, so that two never share a name.
    begun: AtomicU64,
}

impl Directory {
    /// The files in `path`, without those that were never finished.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().ends_with(UNFINISHED) && entry.file_type()?.is_file() {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(Self { path: path.to_owned(), begun: AtomicU64::default() })
    }
}

impl Files for Directory {
    fn create(&self, name: &str) -> Result<Box<dyn NewFile>, DiskError> {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        let (path, place) = (self.path.join(name), self.path.join(format!("{name}.{number}{UNFINISHED}")));
        // It may hold the key of the cluster's authority.
        let opened = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&place);
        let file = opened.map_err(|error| failed(&place, Operation::Write, &error))?;
        Ok(Box::new(Unfinished { file: Some(file), place, path, unsynced: 0 }))
    }

    fn open(&self, name: &str) -> Result<Option<Arc<dyn KeptFile>>, DiskError> {
        let path = self.path.join(name);
        match File::open(&path) {
            Ok(file) => Ok(Some(Arc::new(Kept { file, path }))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&path, Operation::Read, &error)),
        }
    }

    fn remove_others(&self, prefix: &str, name: Option<&str>) -> Result<(), DiskError> {
        let remove = || {
            for entry in std::fs::read_dir(&self.path)? {
                let entry = entry?;
                let found = entry.file_name().to_string_lossy().into_owned();
                if found.starts_with(prefix) && !found.ends_with(UNFINISHED) && Some(found.as_str()) != name {
                    std::fs::remove_file(entry.path())?;
                }
            }
            Ok(())
        };
        remove().map_err(|error: io::Error| failed(&self.path, Operation::Write, &error))
    }
}

struct Unfinished {
    /// `None` once it is kept.
    file: Option<File>,
    place: PathBuf,
    path: PathBuf,
    unsynced: usize,
}

impl Unfinished {
    fn file(&mut self) -> io::Result<&mut File> {
        self.file.as_mut().ok_or_else(|| io::Error::other("it is kept already"))
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file()?.write_all(bytes)?;
        self.unsynced += bytes.len();
        if self.unsynced >= SYNC_EVERY {
            self.file()?.sync_data()?;
            self.unsynced = 0;
        }
        Ok(())
    }

    fn settle(&mut self) -> io::Result<File> {
        self.file()?.sync_all()?;
        std::fs::rename(&self.place, &self.path)?;
        // From here on it has its name and must not be removed, even if that could not be made durable.
        let file = self.file.take().ok_or_else(|| io::Error::other("it is kept already"))?;
        sync_directory(&self.path)?;
        Ok(file)
    }
}

impl NewFile for Unfinished {
    fn append(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        // The records beside it are to find their room still.
        let room = Room::at(&self.place).map_err(|error| failed(&self.place, Operation::Write, &error))?;
        let needed = ENOUGH + 2 * bytes.len() as u64;
        room.has(needed).map_err(|error| DiskError::full(self.place.display().to_string(), Operation::Write, error.to_string()))?;
        self.write(bytes).map_err(|error| failed(&self.place, Operation::Write, &error))
    }

    fn keep(mut self: Box<Self>) -> Result<Arc<dyn KeptFile>, DiskError> {
        let file = self.settle().map_err(|error| failed(&self.place, Operation::Flush, &error))?;
        Ok(Arc::new(Kept { file, path: self.path.clone() }))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.file.take().is_some()
            && let Err(error) = std::fs::remove_file(&self.place)
        {
            tracing::warn!(file = %self.place.display(), %error, "a file that was not finished is left until the next start");
        }
    }
}

struct Kept {
    file: File,
    path: PathBuf,
}

impl KeptFile for Kept {
    fn bytes(&self) -> Result<u64, DiskError> {
        self.file.metadata().map(|found| found.len()).map_err(|error| failed(&self.path, Operation::Read, &error))
    }

    fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>, DiskError> {
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while filled < length {
            match self.file.read_at(&mut bytes[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(&self.path, Operation::Read, &error)),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }
}

/// Makes the names in the directory of `path` durable.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

/// What the files of a directory and of those in it have together; what cannot be read counts as nothing.
pub(crate) fn bytes_below(path: &Path) -> u64 {
    let entries = std::fs::read_dir(path).into_iter().flatten().filter_map(Result::ok);
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => bytes_below(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    };
    entries.map(size).sum()
}

fn failed(path: &Path, operation: Operation, error: &io::Error) -> DiskError {
    let (location, reason) = (path.display().to_string(), error.to_string());
    if is_full(error.kind()) {
        return DiskError::full(location, operation, reason);
    }
    DiskError::broken(location, operation, reason)
}
