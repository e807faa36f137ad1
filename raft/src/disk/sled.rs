//! The production disk: one sled tree, and the fdatasync that sled does not do.
//!
//! sled 0.34 writes into three places. Its log is the file `db`, made "stable" with `sync_file_range`, which leaves the drive's cache
//! and the file's metadata behind; so each flush is followed by `fdatasync` of that file. Nodes larger than a quarter of its
//! segments become files in `blobs/`, which it never syncs: none becomes that large, for large values are [cut](super::pieces). Snapshots of its
//! page table, `snap.*`, are synced by sled but their names are not; the directory is synced whenever its listing changed.
//!
//! Nobody but its owner gets into the directory, whatever the umask is and whoever made it.
//!
//! Beside the database lies its [fence](super::fence). Before each write the [room](super::room) is looked at, a panic of sled stays
//! [inside](super::guard), and what an opening reads comes [from the disk](super::cold).

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, mpsc};
use std::time::Duration;

use super::cold::forget_cached;
use super::directory::{Directory, bytes_below};
use super::fence::{self, Fence, Noted};
use super::guard::contain;
use super::pieces;
use super::room::{LEAST, Room, is_full};
use super::{Change, Disk, DiskError, Fault, Files, KeyRange, OpenError, Operation, Record, Space};

/// sled's page cache; it holds on to what it has read up to here.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// How often a lock is tried: sled's own threads let go of a store that was just closed in this process a moment later.
const LOCK_TRIES: u32 = 40;
/// How long between two tries.
const LOCK_PAUSE: Duration = Duration::from_millis(25);
/// How long a database that has failed may take to close; sled was seen to hang there for good.
const CLOSING: Duration = Duration::from_secs(5);
/// What sled calls corruption, which it says in terms of its source.
const CORRUPT: &str = "what is in its files `db`, `conf` or `snap.*` does not fit its checksums";
/// Mode of the directory.
const OWNER_ALONE: u32 = 0o700;
/// Where flushes are counted: beyond every space.
const FLUSHES: &[u8] = b"\xffflushes";

/// A directory with a sled database in it.
pub struct SledDisk {
    path: PathBuf,
    open: RwLock<Option<sled::Db>>,
    /// The names in the directory that are known to be on the platter.
    synced: Mutex<BTreeSet<OsString>>,
    files: Directory,
    fence: Mutex<Fence>,
    flushes: AtomicU64,
    /// Whether sled has given an error: then it may not be waited for.
    failed: AtomicBool,
    /// Whether it did not close, and holds its files as long as this process runs.
    abandoned: AtomicBool,
}

impl SledDisk {
    /// Opens the database in `path`, creating it if there is none. Blocks, up to a second more while another
    /// holder lets go.
    ///
    /// # Errors
    /// [`OpenError::InUse`], [`OpenError::Io`], [`OpenError::Damaged`], [`OpenError::Behind`], [`OpenError::Disk`] when there is no room
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Self::open_with_room(path, LEAST)
    }

    /// The same, while so many bytes are free.
    pub(super) fn open_with_room(path: &Path, least: u64) -> Result<Self, OpenError> {
        let io = |error: io::Error| not_opened(path, &error);
        make_private(path).map_err(io)?;
        Room::at(path).map_err(io)?.has(least).map_err(|error| OpenError::Disk(no_room(path, &error)))?;
        forget_cached(path).map_err(io)?;
        let db = open_patiently(path)?;
        let flushes =
            contain(|| counted(&db)).map_err(|reason| damaged(path, reason))?.map_err(|error| damaged(path, error.to_string()))?;
        let (fence, noted) = Fence::open(path).map_err(io)?;
        compare(path, flushes, noted)?;
        let disk = Self {
            path: path.to_owned(),
            open: RwLock::new(Some(db)),
            synced: Mutex::default(),
            files: Directory::open(path).map_err(io)?,
            fence: Mutex::new(fence),
            flushes: AtomicU64::new(flushes),
            failed: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
        };
        disk.sync_new_store().map_err(io)?;
        Ok(disk)
    }

    /// Whether it has not closed, so that it cannot be opened again in this process.
    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::SeqCst)
    }

    /// Makes the files that opening may have created durable, with the names that lead to them.
    fn sync_new_store(&self) -> io::Result<()> {
        File::open(self.path.join("conf"))?.sync_all()?;
        File::open(self.path.join(fence::NAME))?.sync_all()?;
        self.sync_files()?;
        match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
            _ => Ok(()),
        }
    }

    /// Syncs sled's log, and the directory when names have appeared in it.
    fn sync_files(&self) -> io::Result<()> {
        File::open(self.path.join("db"))?.sync_data()?;
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        let top = listing(&self.path)?;
        if top != *synced {
            File::open(&self.path)?.sync_all()?;
            *synced = top;
        }
        Ok(())
    }

    fn with<T>(&self, operation: Operation, work: impl FnOnce(&sled::Db) -> sled::Result<T>) -> Result<T, DiskError> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let db = open.as_ref().ok_or_else(|| self.error(operation, &"the store is closed"))?;
        let outcome = contain(|| work(db)).map_err(|panic| self.error(operation, &panic));
        let outcome = outcome.and_then(|outcome| outcome.map_err(|error| self.sled_error(operation, &error)));
        outcome.inspect_err(|_| self.failed.store(true, Ordering::SeqCst))
    }

    fn error(&self, operation: Operation, reason: &dyn std::fmt::Display) -> DiskError {
        DiskError::broken(self.location(), operation, reason.to_string())
    }

    fn sled_error(&self, operation: Operation, error: &sled::Error) -> DiskError {
        match error {
            sled::Error::Io(error) => self.io_error(operation, error),
            sled::Error::Corruption { .. } => self.error(Operation::Decode, &CORRUPT),
            sled::Error::CollectionNotFound(_) | sled::Error::Unsupported(_) | sled::Error::ReportableBug(_) => {
                self.error(operation, error)
            }
        }
    }

    fn io_error(&self, operation: Operation, error: &io::Error) -> DiskError {
        let fault = if is_full(error.kind()) { Fault::Full } else { Fault::Broken };
        DiskError { location: self.location(), operation, fault, reason: error.to_string() }
    }

    /// Refuses what might meet a full disk.
    fn look_for_room(&self, batch: &[Change]) -> Result<(), DiskError> {
        let bytes: usize = batch.iter().map(Change::bytes).sum();
        let room = Room::at(&self.path).map_err(|error| self.io_error(Operation::Write, &error))?;
        room.has(LEAST + 2 * bytes as u64).map_err(|error| no_room(&self.path, &error))
    }

    /// Notes a flush that is durable.
    fn fence(&self, note: impl FnOnce(&mut Fence) -> io::Result<()>) -> Result<(), DiskError> {
        let mut fence = self.fence.lock().unwrap_or_else(PoisonError::into_inner);
        note(&mut fence).map_err(|error| DiskError {
            location: self.path.join(fence::NAME).display().to_string(),
            ..self.io_error(Operation::Flush, &error)
        })
    }
}

impl Disk for SledDisk {
    fn location(&self) -> String {
        self.path.display().to_string()
    }

    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, DiskError> {
        self.with(Operation::Read, |db| pieces::get(db, space, key))
    }

    fn range(&self, space: Space, range: &KeyRange, limit: usize) -> Result<Vec<Record>, DiskError> {
        self.with(Operation::Read, |db| pieces::range(db, space, range, limit))
    }

    fn last(&self, space: Space) -> Result<Option<Record>, DiskError> {
        self.with(Operation::Read, |db| pieces::last(db, space))
    }

    fn write(&self, batch: &[Change]) -> Result<(), DiskError> {
        self.look_for_room(batch)?;
        self.with(Operation::Write, |db| {
            let mut whole = sled::Batch::default();
            for change in batch {
                match change {
                    Change::Put(space, key, value) => pieces::put(db, &mut whole, (*space, key), value)?,
                    Change::Remove(space, range) => pieces::remove(db, &mut whole, *space, range)?,
                }
            }
            db.apply_batch(whole)
        })
    }

    fn flush(&self) -> Result<(), DiskError> {
        let flushes = self.flushes.load(Ordering::SeqCst) + 1;
        self.with(Operation::Flush, |db| {
            db.insert(FLUSHES, &flushes.to_be_bytes())?;
            db.flush()
        })?;
        self.sync_files().map_err(|error| self.io_error(Operation::Flush, &error))?;
        self.flushes.store(flushes, Ordering::SeqCst);
        self.fence(|fence| fence.note(flushes))
    }

    fn seal(&self) -> Result<(), DiskError> {
        self.flush()?;
        self.fence(Fence::sync)
    }

    fn files(&self) -> &dyn Files {
        &self.files
    }

    fn bytes(&self) -> u64 {
        bytes_below(&self.path)
    }

    fn close(&self) {
        let Some(db) = self.open.write().unwrap_or_else(PoisonError::into_inner).take() else { return };
        if !self.failed.load(Ordering::SeqCst) {
            if let Err(error) = self.fence(Fence::sync) {
                tracing::error!(%error, "the fence of the store was not synced");
            }
            drop(db);
        } else if !released(db) {
            self.abandoned.store(true, Ordering::SeqCst);
        }
    }
}

/// Makes the directory, or takes it away from everybody but its owner. sled leaves the modes of its files to the umask, and the key of the cluster's authority
/// is in them; nor is the directory above to be relied on, which whoever installs a machine makes, for all to look into.
fn make_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(OWNER_ALONE).create(path)?;
    if fs::metadata(path)?.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(OWNER_ALONE))
}

/// Closes a database that has failed; false when that hangs.
fn released(db: sled::Db) -> bool {
    let (tell, closed) = mpsc::channel();
    let close = move || {
        // A panic of sled is no worse than the error that it has given.
        let _ = contain(|| drop(db));
        let _ = tell.send(());
    };
    match std::thread::Builder::new().name("raft-disk-close".to_owned()).spawn(close) {
        // Whoever does not end in time is left behind: there is no way to end it, and the process goes on to its own end.
        Ok(_) => closed.recv_timeout(CLOSING).is_ok(),
        Err(_) => false,
    }
}

/// How many flushes the database has counted.
fn counted(db: &sled::Db) -> sled::Result<u64> {
    let counted = db.get(FLUSHES)?;
    Ok(counted.and_then(|bytes| bytes.as_ref().try_into().ok()).map_or(0, u64::from_be_bytes))
}

/// Refuses a database that is behind its fence.
fn compare(path: &Path, found: u64, noted: Noted) -> Result<(), OpenError> {
    let file = || path.join(fence::NAME).display().to_string();
    match noted {
        Noted::Flushes(noted) if found < noted => Err(OpenError::Behind { path: path.join("db"), found, noted }),
        Noted::Flushes(_) => Ok(()),
        Noted::Nothing if found == 0 => Ok(()),
        Noted::Nothing => Err(OpenError::Damaged { location: file(), reason: "it is missing or empty".to_owned() }),
        Noted::Damaged => Err(OpenError::Damaged { location: file(), reason: "neither of its records is whole".to_owned() }),
    }
}

fn no_room(path: &Path, error: &dyn std::fmt::Display) -> DiskError {
    DiskError::full(path.display().to_string(), Operation::Write, error.to_string())
}

fn not_opened(path: &Path, error: &io::Error) -> OpenError {
    if is_full(error.kind()) {
        return OpenError::Disk(no_room(path, error));
    }
    OpenError::Io { path: path.to_owned(), reason: error.to_string() }
}

fn damaged(path: &Path, reason: String) -> OpenError {
    OpenError::Damaged { location: path.display().to_string(), reason }
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
    // On damage that its checksums do not catch sled panics instead of returning.
    match contain(|| config.open()) {
        Ok(Ok(db)) => Ok(db),
        Ok(Err(sled::Error::Io(error))) if error.to_string().contains("could not acquire lock") => {
            Err(OpenError::InUse { path: path.to_owned() })
        }
        Ok(Err(sled::Error::Io(error))) => Err(not_opened(path, &error)),
        Ok(Err(sled::Error::Corruption { .. })) => Err(damaged(path, CORRUPT.to_owned())),
        Ok(Err(error)) => Err(damaged(path, error.to_string())),
        Err(panic) => Err(damaged(path, panic)),
    }
}

fn listing(directory: &Path) -> io::Result<BTreeSet<OsString>> {
    fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
    }

    #[test]
    fn nobody_else_gets_into_the_directory() {
        let home = tempfile::tempdir().expect("a directory");
        fs::set_permissions(home.path(), Permissions::from_mode(0o755)).expect("for all to look into");
        let fresh = home.path().join("fresh");
        SledDisk::open(&fresh).expect("it opens").close();
        assert_eq!(mode(&fresh), 0o700);
        for open in [0o755, 0o777, 0o750, 0o701] {
            fs::set_permissions(&fresh, Permissions::from_mode(open)).expect("as an earlier version has left it");
            SledDisk::open(&fresh).expect("it opens again").close();
            assert_eq!(mode(&fresh), 0o700, "it was {open:o}");
        }
        assert_eq!(mode(home.path()), 0o755, "what is above is not ours");
    }
}
