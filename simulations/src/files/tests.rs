//! The simulated files against the real ones, and what only the simulated ones can do.

use std::fmt::Debug;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use warren::identity::CredentialStore;
use warren::net::files::RealFiles;
use warren::net::{Access, DirLock, Entropy, FileError, LockError, StateFiles};

use super::tree::Node;
use super::{FileFault, Lasting, SimFiles};

/// One thing that is done to files; paths are relative to the machine's directory.
#[derive(Clone, Copy, Debug)]
enum Step {
    Read(&'static str, Access),
    Replace(&'static str, usize, Access),
    MakeDir(&'static str),
    Lock(&'static str),
    /// Lets go of all directories.
    Unlock,
    Exists(&'static str),
    Rename(&'static str, &'static str),
    RemoveTree(&'static str),
    List(&'static str),
}

/// Files, and the directories that are locked in them.
struct Machine<'a> {
    files: &'a dyn StateFiles,
    root: PathBuf,
    locks: Vec<DirLock>,
}

impl<'a> Machine<'a> {
    fn new(files: &'a dyn StateFiles, root: &Path) -> Self {
        files.make_dir(root).expect("made");
        Self { files, root: root.to_owned(), locks: Vec::new() }
    }

    /// Does it, and tells what came of it.
    fn take(&mut self, step: Step) -> String {
        let (files, at) = (self.files, |path: &str| self.root.join(path));
        match step {
            Step::Read(path, access) => told(files.read(&at(path), access)),
            Step::Replace(path, length, access) => told(files.replace(&at(path), &vec![b'x'; length], access)),
            Step::MakeDir(path) => told(files.make_dir(&at(path))),
            Step::Lock(path) => match files.lock_dir(&at(path)) {
                Ok(lock) => {
                    self.locks.push(lock);
                    "locked".to_owned()
                }
                Err(LockError::InUse(_)) => "in use".to_owned(),
                Err(LockError::File(error)) => told::<()>(Err(error)),
            },
            Step::Unlock => {
                self.locks.clear();
                "unlocked".to_owned()
            }
            Step::Exists(path) => told(files.exists(&at(path))),
            Step::Rename(from, to) => told(files.rename(&at(from), &at(to))),
            Step::RemoveTree(path) => told(files.remove_tree(&at(path))),
            // What a failed call leaves beside its file is nobody's business.
            Step::List(path) => told(files.list(&at(path)).map(|mut names| {
                names.retain(|name| !name.to_string_lossy().ends_with(".new"));
                names
            })),
        }
    }
}

fn told<T: Debug>(outcome: Result<T, FileError>) -> String {
    match outcome {
        Ok(value) => format!("{value:?}"),
        Err(FileError::Io { source, .. }) => format!("{:?}", source.kind()),
        Err(FileError::Exposed { mode, .. }) => format!("exposed {mode:o}"),
    }
}

/// Takes the steps on both and wants the same of each.
fn check(steps: &[Step], why: &str) -> Vec<String> {
    let dir = tempfile::tempdir().expect("a directory");
    let simulated = SimFiles::new(&Entropy::seeded(1));
    let mut real = Machine::new(&RealFiles, &dir.path().join("machine"));
    let mut sim = Machine::new(&simulated, Path::new("/machine"));
    let mut outcomes = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        // Only files are renamed; a directory would have rules of its own.
        if matches!(step, Step::Rename(from, _) if real.root.join(from).is_dir()) {
            continue;
        }
        let (expected, found) = (real.take(*step), sim.take(*step));
        assert_eq!(found, expected, "step {number} of {steps:?}, {why}");
        outcomes.push(expected);
    }
    outcomes
}

#[test]
fn simulated_and_real_files_do_the_same() {
    use Access::{Public, Secret};
    use Step::*;
    let table: [(&[Step], &[&str]); 9] = [
        (
            &[Read("a", Public), Exists("a"), Replace("a", 1, Public), Exists("a"), Read("a", Public)],
            &["NotFound", "false", "()", "true", "[120]"],
        ),
        (
            &[Replace("key", 1, Public), Read("key", Secret), Replace("key", 2, Secret), Read("key", Secret)],
            &["()", "exposed 644", "()", "[120, 120]"],
        ),
        (&[Replace("a", 65_536, Public), Replace("b", 65_537, Public), Read("b", Public)], &["()", "()", "FileTooLarge"]),
        (
            &[Replace("a/b", 1, Public), MakeDir("a/b/c"), MakeDir("a/b"), Replace("a/b", 1, Public), Read("a", Public)],
            &["NotFound", "()", "()", "IsADirectory", "IsADirectory"],
        ),
        (
            &[Replace("a", 1, Public), MakeDir("a"), MakeDir("a/b"), Replace("a/b", 1, Public), Exists("a/b"), Read("a/b", Public)],
            &["()", "AlreadyExists", "NotADirectory", "NotADirectory", "NotADirectory", "NotADirectory"],
        ),
        (
            &[Lock("d"), Lock("d"), Unlock, Lock("d"), List("d"), RemoveTree("d"), Lock("d")],
            &["locked", "in use", "unlocked", "locked", "[\"lock\"]", "()", "locked"],
        ),
        (
            &[Rename("a", "b"), Replace("a", 1, Secret), Replace("b", 2, Public), Rename("a", "b"), Exists("a"), Read("b", Secret)],
            &["NotFound", "()", "()", "()", "false", "[120]"],
        ),
        (
            &[MakeDir("d"), Replace("a", 1, Public), Rename("a", "d"), Rename("a", "e/a"), Rename("a", "d/a"), List("")],
            &["()", "()", "IsADirectory", "NotFound", "()", "[\"d\"]"],
        ),
        (
            &[RemoveTree("a"), List("a"), Replace("a", 1, Public), RemoveTree("a"), List("a"), RemoveTree("a/b"), List("")],
            &["()", "NotFound", "()", "NotADirectory", "NotADirectory", "NotADirectory", "[\"a\"]"],
        ),
    ];
    for (number, (steps, expected)) in table.into_iter().enumerate() {
        assert_eq!(check(steps, &format!("row {number}")), expected, "row {number}");
    }
}

#[test]
fn so_they_do_in_any_order() {
    const PATHS: [&str; 6] = ["", "a", "a/b", "a/b/c", "d", "d/e"];
    for seed in 0..40 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut any = || {
            let path = PATHS[rng.random_range(1..PATHS.len())];
            let access = if rng.random() { Access::Public } else { Access::Secret };
            match rng.random_range(0..9) {
                0 => Step::Read(path, access),
                1 | 2 => Step::Replace(path, rng.random_range(0..3), access),
                3 => Step::MakeDir(path),
                4 => Step::Lock(path),
                5 => Step::Exists(path),
                6 => Step::Rename(path, PATHS[rng.random_range(1..PATHS.len())]),
                7 if rng.random_range(0..3) == 0 => Step::RemoveTree(path),
                7 => Step::Unlock,
                _ => Step::List(PATHS[rng.random_range(0..PATHS.len())]),
            }
        };
        let steps: Vec<Step> = (0..30).map(|_| any()).collect();
        check(&steps, &format!("seed {seed}"));
    }
}

/// A machine whose file `a` holds "old".
fn with_old(seed: u64) -> SimFiles {
    let files = SimFiles::new(&Entropy::seeded(seed));
    files.replace(Path::new("/a"), b"old", Access::Public).expect("written");
    files
}

fn content(files: &SimFiles) -> Vec<u8> {
    files.read(Path::new("/a"), Access::Public).expect("read")
}

#[test]
fn a_crash_within_a_call_leaves_the_old_file_or_the_new_one() {
    let mut found = Vec::new();
    for seed in 0..20 {
        let files = with_old(seed);
        let path = Path::new("/a");
        files.begin(&[path], |tree| tree.put(path, Node::File { bytes: b"new".to_vec(), mode: 0o644 })).expect("begun");
        files.crash();
        assert!(files.read(path, Access::Public).is_err(), "the process is gone");
        files.revive();
        assert_eq!(files.counts().cut, 1);
        found.push(content(&files));
    }
    assert!(found.contains(&b"old".to_vec()) && found.contains(&b"new".to_vec()), "{found:?}");
}

#[test]
fn what_was_there_before_a_crash_is_there_after_it_and_its_locks_are_free() {
    let files = with_old(1);
    let lock = files.lock_dir(Path::new("/d")).expect("locked");
    files.crash();
    assert!(files.replace(Path::new("/a"), b"late", Access::Public).is_err(), "what still runs changes nothing");
    files.revive();
    assert_eq!(content(&files), b"old");
    let _second = files.lock_dir(Path::new("/d")).expect("the lock went with the process");
    drop(lock);
    assert!(matches!(files.lock_dir(Path::new("/d")), Err(LockError::InUse(_))), "the first life's lock is not the second's");
    files.wipe();
    assert!(!files.exists(Path::new("/a")).expect("looked at"));
}

#[test]
fn faults_hit_what_they_are_for() {
    let kind = |outcome: Result<(), FileError>| match outcome {
        Ok(()) => None,
        Err(FileError::Io { source, .. }) => Some((source.kind(), source.raw_os_error())),
        Err(FileError::Exposed { .. }) => panic!("nothing is secret here"),
    };
    let files = with_old(1);
    let replace = |path: &str| kind(files.replace(Path::new(path), b"new", Access::Public));
    files.fail(FileFault::Full, Lasting::Once, Path::new(""));
    assert_eq!(replace("/a"), Some((ErrorKind::StorageFull, Some(28))));
    assert_eq!(content(&files), b"old", "a full disk is read, and has what it had");
    assert_eq!(replace("/a"), None);
    files.fail(FileFault::Device, Lasting::UntilMended, Path::new("/d"));
    for _ in 0..2 {
        assert_eq!(kind(files.make_dir(Path::new("/d"))).and_then(|(_, number)| number), Some(5));
    }
    assert_eq!(replace("/a"), None, "another path");
    files.mend();
    assert_eq!(kind(files.make_dir(Path::new("/d"))), None);
    assert_eq!(files.counts().failed, 3);
}

#[test]
fn a_device_that_fails_leaves_the_old_file_or_the_new_one() {
    let mut found = Vec::new();
    for seed in 0..20 {
        let files = with_old(seed);
        files.fail(FileFault::Device, Lasting::Once, Path::new("/a"));
        files.replace(Path::new("/a"), b"new", Access::Public).expect_err("it failed");
        found.push(content(&files));
    }
    assert!(found.contains(&b"old".to_vec()) && found.contains(&b"new".to_vec()), "{found:?}");
}

#[test]
fn the_production_keeps_its_key_there() {
    let files: std::sync::Arc<dyn StateFiles> = std::sync::Arc::new(SimFiles::new(&Entropy::seeded(1)));
    let store = CredentialStore::new(&files, "/proxy/identity");
    let key = store.key_or_new(&Entropy::seeded(2)).expect("made");
    assert_eq!(store.key_or_new(&Entropy::seeded(3)).expect("read").key_hash(), key.key_hash());
    assert!(!store.is_enrolled());
}
