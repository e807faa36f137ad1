//! Stores that do not open say why.

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};

use crate::disk::{Change, Disk, OpenError, SledDisk, Space};

#[test]
fn a_store_in_use_says_so() {
    let directory = tempfile::tempdir().expect("a directory");
    let first = SledDisk::open(directory.path()).expect("it opens");
    let second = SledDisk::open(directory.path()).err();
    assert_eq!(second, Some(OpenError::InUse { path: directory.path().to_owned() }));
    first.close();
    assert!(first.get(Space::Meta, b"x").is_err(), "it is closed");
    SledDisk::open(directory.path()).expect("it opens once the first is closed");
}

#[test]
fn a_file_in_the_way_says_so() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("file");
    std::fs::write(&path, "not a directory").expect("written");
    let error = SledDisk::open(&path).err();
    assert!(matches!(error, Some(OpenError::Io { .. })), "{error:?}");
}

#[test]
fn a_damaged_store_says_so_or_keeps_what_it_had() {
    let directory = tempfile::tempdir().expect("a directory");
    let disk = SledDisk::open(directory.path()).expect("it opens");
    for n in 0..200_u8 {
        disk.write(&[Change::Put(Space::Log, vec![n], vec![n; 1000])]).expect("written");
    }
    disk.flush().expect("flushed");
    disk.close();
    std::fs::write(directory.path().join("conf"), b"garbage that is no configuration of sled").expect("written");
    let mut log = OpenOptions::new().write(true).open(directory.path().join("db")).expect("the log");
    log.seek(SeekFrom::Start(0)).expect("seek");
    log.write_all(&[0xff; 4096]).expect("overwritten");
    let error = SledDisk::open(directory.path()).err();
    assert!(matches!(error, Some(OpenError::Damaged { .. })), "{error:?}");
}
