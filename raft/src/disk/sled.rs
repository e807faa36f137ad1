//! The production disk: one sled tree, and the fdatasync that sled does not do.
//!
//! sled 0.34 writes into three places. Its log is the file `db`, made "stable" with `sync_file_range`, which leaves the drive's cache
//! and the file's metadata behind; so each flush is followed by `fdatasync` of that file. Records larger than its segments become
//! files in `blobs/`, which it never syncs; each is synced once here. Snapshots of its page table, `snap.*`, are synced by sled but
//! their names are not; the directory is synced whenever its listing changed.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use super::directory::Directory;
use super::{Change, Disk, DiskError, Files, KeyRange, OpenError, Operation, Record, Space};

/// sled's page cache; it holds on to what it has read up to here.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// How often a lock is tried: sled's own threads let go of a store that was just closed in this process a moment later.
const LOCK_TRIES: u32 = 40;
/// How long between two tries.
const LOCK_PAUSE: Duration = Duration::from_millis(25);

/// A directory with a sled database in it.
pub struct SledDisk {
    path: PathBuf,
    open: RwLock<Option<sled::Db>>,
    synced: Mutex<Synced>,
    files: Directory,
}

/// What is known to be on the platter besides the records.
#[derive(Default)]
struct Synced {
    top: BTreeSet<OsString>,
    blobs: BTreeSet<OsString>,
}

impl SledDisk {
    /// Opens the database in `path`, creating it if there is none. Blocks, up to a second more while another
    /// holder lets go.
    ///
    /// # Errors
    /// [`OpenError::InUse`], [`OpenError::Io`], [`OpenError::Damaged`]
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        std::fs::create_dir_all(path).map_err(|error| OpenError::Io { path: path.to_owned(), reason: error.to_string() })?;
        let db = open_patiently(path)?;
        let io = |error: io::Error| OpenError::Io { path: path.to_owned(), reason: error.to_string() };
        let files = Directory::open(path).map_err(io)?;
        let disk = Self { path: path.to_owned(), open: RwLock::new(Some(db)), synced: Mutex::default(), files };
        disk.sync_new_store().map_err(io)?;
        Ok(disk)
    }

    /// Makes the files that opening may have created durable, with the names that lead to them.
    fn sync_new_store(&self) -> io::Result<()> {
        File::open(self.path.join("conf"))?.sync_all()?;
        self.sync_files()?;
        match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
            _ => Ok(()),
        }
    }

    /// Syncs sled's log, its new blobs, and the directories in which names have appeared.
    fn sync_files(&self) -> io::Result<()> {
        File::open(self.path.join("db"))?.sync_data()?;
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        let blob_directory = self.path.join("blobs");
        let blobs = listing(&blob_directory)?;
        for blob in blobs.difference(&synced.blobs) {
            match File::open(blob_directory.join(blob)) {
                Ok(file) => file.sync_all()?,
                // sled's collector has removed it meanwhile: nothing refers to it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        if blobs != synced.blobs {
            File::open(&blob_directory)?.sync_all()?;
            synced.blobs = blobs;
        }
        let top = listing(&self.path)?;
        if top != synced.top {
            File::open(&self.path)?.sync_all()?;
            synced.top = top;
        }
        Ok(())
    }

    fn with<T>(&self, operation: Operation, work: impl FnOnce(&sled::Db) -> sled::Result<T>) -> Result<T, DiskError> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let db = open.as_ref().ok_or_else(|| self.error(operation, &"the store is closed"))?;
        work(db).map_err(|error| self.error(operation, &error))
    }

    fn error(&self, operation: Operation, reason: &dyn std::fmt::Display) -> DiskError {
        DiskError::broken(self.location(), operation, reason.to_string())
    }
}

impl Disk for SledDisk {
    fn location(&self) -> String {
        self.path.display().to_string()
    }

    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, DiskError> {
        self.with(Operation::Read, |db| Ok(db.get(full_key(space, key))?.map(|value| value.to_vec())))
    }

    fn range(&self, space: Space, range: &KeyRange, limit: usize) -> Result<Vec<Record>, DiskError> {
        self.with(Operation::Read, |db| db.range(full_range(space, range)).take(limit).map(|record| Ok(plain(record?))).collect())
    }

    fn last(&self, space: Space) -> Result<Option<Record>, DiskError> {
        let whole = KeyRange { start: Vec::new(), end: None };
        self.with(Operation::Read, |db| Ok(db.range(full_range(space, &whole)).next_back().transpose()?.map(plain)))
    }

    fn write(&self, batch: &[Change]) -> Result<(), DiskError> {
        self.with(Operation::Write, |db| {
            let mut whole = sled::Batch::default();
            for change in batch {
                match change {
                    Change::Put(space, key, value) => whole.insert(full_key(*space, key), value.as_slice()),
                    Change::Remove(space, range) => {
                        for key in db.range(full_range(*space, range)).keys() {
                            whole.remove(key?);
                        }
                    }
                }
            }
            db.apply_batch(whole)
        })
    }

    fn flush(&self) -> Result<(), DiskError> {
        self.with(Operation::Flush, |db| db.flush())?;
        self.sync_files().map_err(|error| self.error(Operation::Flush, &error))
    }

    fn files(&self) -> &dyn Files {
        &self.files
    }

    fn bytes(&self) -> u64 {
        super::directory::bytes_below(&self.path)
    }

    fn close(&self) {
        self.open.write().unwrap_or_else(PoisonError::into_inner).take();
    }
}

fn open_patiently(path: &Path) -> Result<sled::Db, OpenError> {
    for _ in 0..LOCK_TRIES {
        match open_once(path) {
            Err(OpenError::InUse { .. }) => std::thread::sleep(LOCK_PAUSE),
            opened => return opened,
        }
    }
    open_once(path)
}

fn open_once(path: &Path) -> Result<sled::Db, OpenError> {
    // Without sled's own timed flushes: the store decides when to flush.
    let config = sled::Config::new().path(path).cache_capacity(CACHE_BYTES).flush_every_ms(None);
    let damaged = |reason: String| OpenError::Damaged { location: path.display().to_string(), reason };
    // On damage that its checksums do not catch sled panics instead of returning.
    match catch_unwind(AssertUnwindSafe(|| config.open())) {
        Ok(Ok(db)) => Ok(db),
        Ok(Err(sled::Error::Io(error))) if error.to_string().contains("could not acquire lock") => {
            Err(OpenError::InUse { path: path.to_owned() })
        }
        Ok(Err(sled::Error::Io(error))) => Err(OpenError::Io { path: path.to_owned(), reason: error.to_string() }),
        Ok(Err(error)) => Err(damaged(error.to_string())),
        Err(panic) => Err(damaged(panic_text(panic.as_ref()))),
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("sled could not read it").to_owned()
}

fn listing(directory: &Path) -> io::Result<BTreeSet<OsString>> {
    std::fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name())).collect()
}

fn full_key(space: Space, key: &[u8]) -> Vec<u8> {
    let mut full = Vec::with_capacity(1 + key.len());
    full.push(space.number());
    full.extend_from_slice(key);
    full
}

fn full_range(space: Space, range: &KeyRange) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
    let start = full_key(space, &range.start);
    let end = range.end.as_ref().map_or_else(|| vec![space.number() + 1], |end| full_key(space, end));
    // An empty range the wrong way round is no range at all; sled would panic on it.
    let end = end.max(start.clone());
    (Bound::Included(start), Bound::Excluded(end))
}

fn plain((key, value): (sled::IVec, sled::IVec)) -> Record {
    (key[1..].to_vec(), value.to_vec())
}
