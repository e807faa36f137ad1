//! [`StateFiles`] in memory.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::Rng;
use rand::rngs::StdRng;
use warren::net::files::MAX_FILE;
use warren::net::{Access, DirLock, Entropy, FileError, LockError, StateFiles};
use warren_raft::reached;

use super::counts::FileCounts;
use super::fault::{Doing, EIO, Faults, FileFault, Lasting};
use super::tree::{Node, Tree};

/// The files of one machine. Clones are the same files.
#[derive(Clone, Debug)]
pub struct SimFiles(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    tree: Tree,
    /// What a call that has not returned would leave behind if it were cut off now, or take back.
    pending: Option<Pending>,
    /// Which directories are taken, and by which lock.
    locks: BTreeMap<PathBuf, u64>,
    /// Locks that were given.
    locked: u64,
    power: Power,
    faults: Faults,
    /// Draws what a crash leaves.
    rng: StdRng,
    counts: FileCounts,
}

/// What was at the paths that a call has changed, and is not sure to stay changed.
#[derive(Debug)]
struct Pending(Vec<(PathBuf, Option<Node>)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Power {
    On,
    Off,
}

impl SimFiles {
    /// A machine without any file. What a crash leaves is drawn from `entropy`.
    pub fn new(entropy: &Entropy) -> Self {
        Self(Arc::new(Mutex::new(State {
            tree: Tree::default(),
            pending: None,
            locks: BTreeMap::new(),
            locked: 0,
            power: Power::On,
            faults: Faults::default(),
            rng: entropy.split("files").rng(),
            counts: FileCounts::default(),
        })))
    }

    /// The process dies, in the middle of a call if there is one. Until [`revive`](Self::revive) nothing that still runs of it changes or sees a file.
    pub fn crash(&self) {
        let mut state = self.state();
        state.power = Power::Off;
        state.locks.clear();
        let Some(Pending(before)) = state.pending.take() else { return };
        state.counts.cut += 1;
        if state.rng.random() {
            state.counts.undone += 1;
            for (path, node) in before {
                state.tree.restore(&path, node);
            }
        }
    }

    /// The machine starts again, with the files that it has.
    pub fn revive(&self) {
        self.state().power = Power::On;
    }

    /// The machine is a new one: nothing is there.
    pub fn wipe(&self) {
        let mut state = self.state();
        state.tree = Tree::default();
        state.pending = None;
        state.locks.clear();
    }

    /// Calls for what is at `below`, or in it, fail from now on; an empty path is all of it.
    pub fn fail(&self, fault: FileFault, lasting: Lasting, below: &Path) {
        self.state().faults.add(fault, lasting, below);
    }

    /// Nothing fails any more.
    pub fn mend(&self) {
        self.state().faults.clear();
    }

    /// What has happened.
    pub fn counts(&self) -> FileCounts {
        self.state().counts
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does `call` with the files, unless it fails.
    fn call<T>(&self, path: &Path, doing: Doing, call: impl FnOnce(&mut State) -> io::Result<T>) -> Result<T, FileError> {
        let mut state = self.state();
        state.enter(path, doing).and_then(|()| call(&mut state)).map_err(|error| FileError::io(path, error))
    }

    /// Changes the files by `change`, for good once this has returned; `paths` are those that it touches, the one that the caller means last.
    fn change(&self, paths: &[&Path], change: impl FnOnce(&mut Tree) -> io::Result<()>) -> Result<(), FileError> {
        // Nothing is held at the points: the process may be ended there, and its files with it.
        reached!("files.before_rename");
        self.begin(paths, change)?;
        reached!("files.after_rename");
        self.finish(paths)
    }

    /// The change is there, and a crash may still take it back.
    pub(super) fn begin(&self, paths: &[&Path], change: impl FnOnce(&mut Tree) -> io::Result<()>) -> Result<(), FileError> {
        let path = target(paths);
        let mut state = self.state();
        let failed = |error| FileError::io(path, error);
        if let Err(error) = state.enter(path, Doing::Writing) {
            // It may have failed where the directory was to be synced.
            if error.raw_os_error() == Some(EIO) && state.rng.random() {
                change(&mut state.tree).map_err(failed)?;
            }
            return Err(failed(error));
        }
        let before = paths.iter().map(|path| (path.to_path_buf(), state.tree.find(path).ok().flatten().cloned())).collect();
        change(&mut state.tree).map_err(failed)?;
        state.pending = Some(Pending(before));
        Ok(())
    }

    /// The change is on the disk.
    fn finish(&self, paths: &[&Path]) -> Result<(), FileError> {
        let mut state = self.state();
        state.must_be_on().map_err(|error| FileError::io(target(paths), error))?;
        state.pending = None;
        state.counts.replaced += 1;
        Ok(())
    }
}

/// What an error of a change is about.
fn target<'a>(paths: &[&'a Path]) -> &'a Path {
    paths.last().copied().unwrap_or(Path::new(""))
}

impl State {
    fn must_be_on(&self) -> io::Result<()> {
        match self.power {
            Power::On => Ok(()),
            Power::Off => Err(io::Error::other("the machine is off")),
        }
    }

    fn enter(&mut self, path: &Path, doing: Doing) -> io::Result<()> {
        self.must_be_on()?;
        let hit = self.faults.hit(path, doing);
        self.counts.failed += u64::from(hit.is_some());
        hit.map_or(Ok(()), Err)
    }
}

impl StateFiles for SimFiles {
    fn read(&self, path: &Path, access: Access) -> Result<Vec<u8>, FileError> {
        let (bytes, mode) = self.call(path, Doing::Reading, |state| {
            state.counts.reads += 1;
            let (bytes, mode) = state.tree.file(path)?;
            if bytes.len() as u64 > MAX_FILE {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            Ok((bytes.to_vec(), mode))
        })?;
        if access == Access::Secret && mode & 0o077 != 0 {
            return Err(FileError::Exposed { path: path.to_owned(), mode });
        }
        Ok(bytes)
    }

    fn replace(&self, path: &Path, bytes: &[u8], access: Access) -> Result<(), FileError> {
        let node = Node::File { bytes: bytes.to_vec(), mode: access.mode() };
        self.change(&[path], |tree| tree.put(path, node))
    }

    fn make_dir(&self, path: &Path) -> Result<(), FileError> {
        self.call(path, Doing::Writing, |state| state.tree.make_dir(path))
    }

    fn lock_dir(&self, path: &Path) -> Result<DirLock, LockError> {
        let number = self.call(path, Doing::Writing, |state| {
            state.tree.make_dir(path)?;
            let lock = path.join("lock");
            match state.tree.find(&lock)? {
                Some(Node::File { .. }) => {}
                Some(Node::Directory) => return Err(io::ErrorKind::IsADirectory.into()),
                None => state.tree.put(&lock, Node::File { bytes: Vec::new(), mode: 0o644 })?,
            }
            if state.locks.contains_key(path) {
                return Ok(None);
            }
            state.locked += 1;
            state.locks.insert(path.to_owned(), state.locked);
            Ok(Some(state.locked))
        })?;
        let number = number.ok_or_else(|| LockError::InUse(path.to_owned()))?;
        Ok(DirLock::new(Held { files: self.clone(), path: path.to_owned(), number }))
    }

    fn exists(&self, path: &Path) -> Result<bool, FileError> {
        self.call(path, Doing::Reading, |state| Ok(state.tree.find(path)?.is_some()))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), FileError> {
        self.change(&[from, to], |tree| tree.rename(from, to))
    }

    fn remove_tree(&self, path: &Path) -> Result<(), FileError> {
        self.call(path, Doing::Writing, |state| {
            state.tree.remove_tree(path)?;
            // Whoever had one of them has a file that has no name any more.
            state.locks.retain(|locked, _| !locked.starts_with(path));
            Ok(())
        })
    }

    fn list(&self, dir: &Path) -> Result<Vec<OsString>, FileError> {
        self.call(dir, Doing::Reading, |state| state.tree.list(dir))
    }
}

/// A directory that is taken until this is dropped.
#[derive(Debug)]
struct Held {
    files: SimFiles,
    path: PathBuf,
    number: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.files.state();
        // After a crash it may be another life's.
        if state.locks.get(&self.path) == Some(&self.number) {
            state.locks.remove(&self.path);
        }
    }
}
