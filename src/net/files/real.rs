//! The file system behind [`StateFiles`].

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::{Access, DirLock, FileError, LockError, MAX_FILE, StateFiles};

/// Files in the directories of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealFiles;

impl StateFiles for RealFiles {
    fn read(&self, path: &Path, access: Access) -> Result<Vec<u8>, FileError> {
        let failed = |source| FileError::io(path, source);
        let file = File::open(path).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
        if access == Access::Secret && mode & 0o077 != 0 {
            return Err(FileError::Exposed { path: path.to_owned(), mode });
        }
        let mut bytes = Vec::new();
        let read = file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(failed)?;
        if read as u64 > MAX_FILE {
            return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {MAX_FILE} bytes"))));
        }
        Ok(bytes)
    }

    /// Written beside it, flushed to the disk, renamed over it, and the directory flushed too. Several processes may keep the same file, as the clients of one identity do: each has its turn, or
    /// one would rename what another one has just begun.
    fn replace(&self, path: &Path, bytes: &[u8], access: Access) -> Result<(), FileError> {
        let failed = |source| FileError::io(path, source);
        let _turn = turn(path).map_err(failed)?;
        let beside = beside(path);
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(FileError::io(&beside, error)),
            Ok(()) | Err(_) => {}
        }
        // `create_new` with the mode: at no moment could anybody else have opened it.
        let mut file = OpenOptions::new().write(true).create_new(true).mode(access.mode()).open(&beside).map_err(failed)?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
        rename_synced(&beside, path).map_err(failed)
    }

    fn make_dir(&self, path: &Path) -> Result<(), FileError> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|source| FileError::io(path, source))
    }

    /// The kernel lets go of it when the process dies.
    fn lock_dir(&self, path: &Path) -> Result<DirLock, LockError> {
        self.make_dir(path)?;
        let lock = path.join("lock");
        // Whoever can open it can take it, and no proxy starts then.
        let opened = File::options().create(true).truncate(false).write(true).mode(0o600).open(&lock);
        let file = opened.map_err(|error| FileError::io(&lock, error))?;
        if file.metadata().is_ok_and(|found| found.permissions().mode() & 0o077 != 0) {
            // Earlier versions left it to the umask. One that belongs to somebody else is theirs to close.
            let _ = file.set_permissions(Permissions::from_mode(0o600));
        }
        match file.try_lock() {
            Ok(()) => Ok(DirLock::new(file)),
            Err(TryLockError::WouldBlock) => Err(LockError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(FileError::io(&lock, error).into()),
        }
    }

    fn exists(&self, path: &Path) -> Result<bool, FileError> {
        path.try_exists().map_err(|error| FileError::io(path, error))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), FileError> {
        rename_synced(from, to).map_err(|error| FileError::io(to, error))
    }

    fn remove_tree(&self, path: &Path) -> Result<(), FileError> {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FileError::io(path, error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn free_bytes(&self, dir: &Path) -> Option<u64> {
        let stat = rustix::fs::statvfs(dir).ok()?;
        Some(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn list(&self, dir: &Path) -> Result<Vec<OsString>, FileError> {
        let names = fs::read_dir(dir).and_then(|listed| listed.map(|entry| Ok(entry?.file_name())).collect());
        let mut names: Vec<OsString> = names.map_err(|error| FileError::io(dir, error))?;
        names.sort();
        Ok(names)
    }
}

fn rename_synced(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    File::open(directory(to))?.sync_all()
}

/// The turn to write in the directory of `path`, until it is dropped or the process dies: others wait as long as a file takes.
fn turn(path: &Path) -> io::Result<File> {
    let dir = File::open(directory(path))?;
    match dir.lock() {
        // There is none in this file system: one process alone uses it, it is to be hoped.
        Err(error) if error.kind() != io::ErrorKind::Unsupported => Err(error),
        Ok(()) | Err(_) => Ok(dir),
    }
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// Each has a handle of its own, as processes have.
    #[test]
    fn who_keeps_the_same_file_at_the_same_time_keeps_it_whole() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("key.pem");
        let texts = [vec![b'a'; 5000], vec![b'b'; 3000], vec![b'c'; 1]];
        RealFiles.replace(&path, &texts[0], Access::Secret).expect("kept");
        thread::scope(|scope| {
            for text in &texts {
                let path = &path;
                scope.spawn(move || {
                    for _ in 0..40 {
                        RealFiles.replace(path, text, Access::Secret).expect("kept");
                    }
                });
            }
            for _ in 0..400 {
                let read = RealFiles.read(&path, Access::Secret).expect("it is there");
                assert!(texts.contains(&read), "{} bytes", read.len());
            }
        });
        assert_eq!(fs::read_dir(dir.path()).expect("listed").count(), 1, "nothing else is left behind");
    }
}
