//! Files that were cut short or in which a bit has flipped: the store has everything, or says which file is not what it was.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Once;

use crate::disk::{Change, Disk, DiskError, KeyRange, OpenError, SledDisk, Space, contains_panic};

/// Records of the store that is damaged.
const RECORDS: u64 = 400;

/// As the program does: no panic that is dealt with reaches the test's output.
fn keep_contained_panics_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !contains_panic() {
                report(panic);
            }
        }));
    });
}

fn value(n: u64) -> Vec<u8> {
    let size = match n % 100 {
        0 => 300_000,
        1 => 100_000,
        other => usize::try_from(other * 7).expect("small"),
    };
    vec![n.to_le_bytes()[0]; size]
}

fn fill(path: &Path) {
    let disk = SledDisk::open(path).expect("it opens");
    for n in 0..RECORDS {
        disk.write(&[Change::Put(Space::Log, n.to_be_bytes().to_vec(), value(n))]).expect("written");
        if n % 40 == 39 {
            disk.flush().expect("flushed");
        }
    }
    disk.close();
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    files.sort();
    files
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).expect("below it"));
        fs::create_dir_all(target.parent().expect("a parent")).expect("made");
        fs::copy(&file, &target).expect("copied");
    }
}

/// What a start finds.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Everything,
    Refused(String),
    Less(usize),
}

fn look(path: &Path) -> Found {
    let disk = match SledDisk::open(path) {
        Ok(disk) => disk,
        Err(error) => return Found::Refused(error.to_string()),
    };
    let read = disk.range(Space::Log, &KeyRange { start: vec![], end: None }, 10_000);
    disk.close();
    match read {
        Ok(records) => {
            let right = |n: u64, (key, found): &(Vec<u8>, Vec<u8>)| *key == n.to_be_bytes() && *found == value(n);
            let whole = (0..).zip(&records).filter(|(n, record)| right(*n, record)).count();
            if whole as u64 == RECORDS && records.len() == whole { Found::Everything } else { Found::Less(whole) }
        }
        Err(DiskError { location, reason, .. }) => Found::Refused(format!("{location}: {reason}")),
    }
}

/// Damages a copy of a store and looks at it.
fn check(original: &Path, name: &Path, what: &str, damage: impl FnOnce(&Path)) -> Found {
    let directory = tempfile::tempdir().expect("a directory");
    let store = directory.path().join("store");
    copy(original, &store);
    damage(&store.join(name));
    let found = look(&store);
    match &found {
        Found::Everything => {}
        Found::Refused(error) => assert!(error.contains(store.to_str().expect("text")), "{what} of {}: {error}", name.display()),
        Found::Less(whole) => panic!("{what} of {}: {whole} records are left, and nobody says so", name.display()),
    }
    found
}

#[test]
fn a_damaged_file_loses_nothing_in_silence() {
    keep_contained_panics_quiet();
    let directory = tempfile::tempdir().expect("a directory");
    let original = directory.path().join("store");
    fill(&original);
    assert_eq!(look(&original), Found::Everything);
    let mut refused = 0;
    for file in files(&original) {
        let name = file.strip_prefix(&original).expect("below it");
        let length = file.metadata().expect("a file").len();
        let steps = if name == Path::new("db") { 40 } else { 4 };
        for step in 0..steps {
            let at = length * step / steps;
            let cut = |path: &Path| OpenOptions::new().write(true).open(path).expect("it opens").set_len(at).expect("cut");
            let flip = |path: &Path| {
                let file = OpenOptions::new().read(true).write(true).open(path).expect("it opens");
                let mut byte = [0];
                file.read_exact_at(&mut byte, at + 5).expect("a byte");
                file.write_all_at(&[byte[0] ^ 0x10], at + 5).expect("flipped");
            };
            refused += usize::from(check(&original, name, &format!("{at} bytes"), cut) != Found::Everything);
            refused += usize::from(check(&original, name, &format!("a flip at {at}"), flip) != Found::Everything);
        }
        check(&original, name, "the loss", |path| fs::remove_file(path).expect("removed"));
    }
    assert!(refused > 40, "the damage is real: {refused}");
}

#[test]
fn an_older_database_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let (store, older) = (directory.path().join("store"), directory.path().join("older"));
    fill(&store);
    copy(&store, &older);
    let disk = SledDisk::open(&store).expect("it opens");
    disk.write(&[Change::Put(Space::Meta, b"vote".to_vec(), vec![1])]).expect("written");
    disk.seal().expect("sealed");
    disk.close();
    // The whole of it is another matter: how often it was opened is noted elsewhere.
    fs::copy(older.join("db"), store.join("db")).expect("replaced");
    let error = SledDisk::open(&store).err();
    assert!(matches!(error, Some(OpenError::Behind { .. })), "{error:?}");
    assert!(error.map(|error| error.to_string()).is_some_and(|text| text.contains("db") && text.contains("warren join")));
}
