//! A file that is there as a whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
#[cfg(target_os = "linux")]
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

#[cfg(target_os = "linux")]
use rustix::fs::{AtFlags, Mode, OFlags, linkat, openat};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

/// A secret file that does not exist yet. It is written without a name, so that nothing is left of it whatever ends the process; where the file system has no such files,
/// under another name, which goes when this is dropped.
#[derive(Debug)]
pub(super) struct NewFile {
    path: PathBuf,
    part: Option<PathBuf>,
    file: Option<File>,
}

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub(super) enum NewFileError {
    /// Something is there that would be lost.
    #[error("`{}` exists already", .0.display())]
    Exists(PathBuf),
    /// The file system's.
    #[error("cannot write `{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl NewFile {
    /// Begins it beside `path`, readable by its owner alone.
    pub(super) fn create(path: &Path) -> Result<Self, NewFileError> {
        if fs::symlink_metadata(path).is_ok() {
            return Err(NewFileError::Exists(path.to_owned()));
        }
        if let Some(file) = nameless(path) {
            return Ok(Self { path: path.to_owned(), part: None, file: Some(file) });
        }
        Self::beside(path)
    }

    fn beside(path: &Path) -> Result<Self, NewFileError> {
        // Of this process alone, so that two that save to one name do not mix.
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let part = path.with_file_name(name);
        let failed = |source| NewFileError::Io { path: path.to_owned(), source };
        match fs::remove_file(&part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            // A process that had our number was killed.
            Ok(()) | Err(_) => {}
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part).map_err(failed)?;
        Ok(Self { path: path.to_owned(), part: Some(part), file: Some(file) })
    }

    /// Appends bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), NewFileError> {
        let written = self.file.as_mut().map_or(Ok(()), |file| file.write_all(bytes));
        written.map_err(|error| self.failed(error))
    }

    /// Gives it its name: durable when this returns. What got that name meanwhile stays.
    pub(super) fn finish(mut self) -> Result<(), NewFileError> {
        let file = self.file.take();
        file.as_ref().map_or(Ok(()), File::sync_all).map_err(|error| self.failed(error))?;
        let named = match (&self.part, &file) {
            (None, Some(file)) => give_name(file, &self.path),
            (Some(part), _) => renameat_with(CWD, part, CWD, &self.path, RenameFlags::NOREPLACE),
            (None, None) => Ok(()),
        };
        match (named, &self.part) {
            (Ok(()), _) => {}
            (Err(Errno::EXIST), _) => return Err(NewFileError::Exists(self.path.clone())),
            // A file system without that: then only a moment is left in which another could take the name.
            (Err(Errno::INVAL | Errno::NOSYS), Some(part)) if fs::symlink_metadata(&self.path).is_err() => {
                fs::rename(part, &self.path).map_err(|error| self.failed(error))?;
            }
            (Err(Errno::INVAL | Errno::NOSYS), Some(_)) => return Err(NewFileError::Exists(self.path.clone())),
            (Err(error), _) => return Err(self.failed(error.into())),
        }
        File::open(directory(&self.path)).and_then(|dir| dir.sync_all()).map_err(|error| self.failed(error))
    }

    fn failed(&self, source: io::Error) -> NewFileError {
        NewFileError::Io { path: self.path.clone(), source }
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // It is gone if it got its name.
        let _ = self.part.as_ref().map(fs::remove_file);
    }
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A file that goes with its handle unless it is given a name; `None` where there are no such files.
#[cfg(target_os = "linux")]
fn nameless(path: &Path) -> Option<File> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    openat(CWD, directory(path), flags, Mode::RUSR | Mode::WUSR).ok().map(File::from)
}

#[cfg(target_os = "linux")]
fn give_name(file: &File, path: &Path) -> rustix::io::Result<()> {
    // The way for whoever has no capability (open(2), O_TMPFILE).
    let itself = format!("/proc/self/fd/{}", file.as_raw_fd());
    linkat(CWD, itself, CWD, path, AtFlags::SYMLINK_FOLLOW)
}

#[cfg(not(target_os = "linux"))]
fn nameless(_path: &Path) -> Option<File> {
    None
}

#[cfg(not(target_os = "linux"))]
fn give_name(_file: &File, _path: &Path) -> rustix::io::Result<()> {
    Err(Errno::NOSYS)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir).expect("listed").map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect();
        names.sort();
        names
    }

    #[test]
    fn it_is_whole_and_private_or_not_there() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file");
        let mut file = NewFile::create(&path).expect("created");
        file.write(b"half").expect("written");
        if cfg!(target_os = "linux") {
            assert_eq!(names(dir.path()), Vec::<String>::new(), "a killed process leaves nothing behind");
        }
        drop(file);
        assert_eq!(names(dir.path()), Vec::<String>::new());

        let mut file = NewFile::create(&path).expect("created");
        file.write(b"whole").expect("written");
        file.finish().expect("finished");
        assert_eq!((names(dir.path()), fs::read(&path).expect("read")), (vec!["file".to_owned()], b"whole".to_vec()));
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn nothing_is_overwritten() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file");
        let file = NewFile::create(&path).expect("created");
        fs::write(&path, "precious").expect("written meanwhile");
        assert!(matches!(file.finish(), Err(NewFileError::Exists(_))));
        assert!(matches!(NewFile::create(&path), Err(NewFileError::Exists(_))));
        assert_eq!((names(dir.path()), fs::read(&path).expect("read")), (vec!["file".to_owned()], b"precious".to_vec()));
        let error = NewFile::create(&dir.path().join("no/file")).expect_err("no directory").to_string();
        assert!(error.contains("no/file"), "{error}");

        // Where there are no files without a name.
        let path = dir.path().join("other");
        let mut file = NewFile::beside(&path).expect("created");
        file.write(b"whole").expect("written");
        assert_eq!(names(dir.path()).len(), 2);
        file.finish().expect("finished");
        assert_eq!((names(dir.path()), fs::read(&path).expect("read")), (vec!["file".to_owned(), "other".to_owned()], b"whole".to_vec()));
    }
}
