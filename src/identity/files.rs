//! Small files that are complete or absent, and secret ones that only their owner can read.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::store::StoreError;

/// Longest file that is read; a key or a certificate has a few hundred bytes.
const MAX_FILE: u64 = 64 << 10;

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Its owner alone.
    Secret,
    /// Anybody.
    Public,
}

impl Access {
    fn mode(self) -> u32 {
        match self {
            Self::Secret => 0o600,
            Self::Public => 0o644,
        }
    }
}

/// Reads a whole file; a secret one only if nobody else could have.
pub(crate) fn read(path: &Path, access: Access) -> Result<Vec<u8>, StoreError> {
    let failed = |source| StoreError::io(path, source);
    let file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
    if access == Access::Secret && mode & 0o077 != 0 {
        return Err(StoreError::Exposed { path: path.to_owned(), mode });
    }
    let mut bytes = Vec::new();
    let read = file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(failed)?;
    if read as u64 > MAX_FILE {
        return Err(StoreError::io(path, io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {MAX_FILE} bytes"))));
    }
    Ok(bytes)
}

/// Replaces a file as a whole: written beside it, flushed to the disk, renamed over it, and the directory flushed too.
pub(crate) fn write(path: &Path, bytes: &[u8], access: Access) -> Result<(), StoreError> {
    let failed = |source| StoreError::io(path, source);
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let beside = beside(path);
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(StoreError::io(&beside, error)),
        Ok(()) | Err(_) => {}
    }
    // `create_new` with the mode: at no moment could anybody else have opened it.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(access.mode()).open(&beside).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&beside, path).map_err(failed)?;
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed)
}

/// A directory that this process alone uses. The kernel lets go of it when the process dies.
#[derive(Debug)]
pub(crate) struct DirLock {
    _file: File,
}

/// Why a directory could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The file system's.
    #[error(transparent)]
    File(#[from] StoreError),
    /// Another process has it.
    #[error("the data directory `{0}` is in use by another process: every process needs its own")]
    InUse(PathBuf),
}

/// Takes the directory at `path`, made if it is not there, mode 0700, for this process alone.
pub(crate) fn lock_dir(path: &Path) -> Result<DirLock, LockError> {
    private_dir(path)?;
    let lock = path.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&lock).map_err(|error| StoreError::io(&lock, error))?;
    match file.try_lock() {
        Ok(()) => Ok(DirLock { _file: file }),
        Err(TryLockError::WouldBlock) => Err(LockError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(StoreError::io(&lock, error).into()),
    }
}

/// Makes a directory that only its owner can enter, with its parents.
pub(crate) fn private_dir(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|source| StoreError::io(path, source))
}

/// A PEM block with lines that end as those of every other tool here.
pub(super) fn pem(tag: &str, der: &[u8]) -> String {
    let lines = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&pem::Pem::new(tag, der), lines)
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}
