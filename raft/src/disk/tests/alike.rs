//! sled and the disk in memory, side by side.

use proptest::prelude::*;

use crate::disk::{Change, Disk, KeyRange, MemoryDisk, SledDisk, Space};

fn space() -> impl Strategy<Value = Space> {
    prop_oneof![Just(Space::Meta), Just(Space::Log)]
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(0..4_u8, 1..3)
}

fn range() -> impl Strategy<Value = KeyRange> {
    (key(), proptest::option::of(key())).prop_map(|(start, end)| KeyRange { start, end })
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => (space(), key(), any::<[u8; 2]>()).prop_map(|(space, key, value)| Change::Put(space, key, value.to_vec())),
        1 => (space(), range()).prop_map(|(space, range)| Change::Remove(space, range)),
    ]
}

/// Puts and removals of one batch that touch the same keys are not promised to have an order, so a batch has one kind.
fn batches() -> impl Strategy<Value = Vec<Vec<Change>>> {
    proptest::collection::vec(change().prop_map(|change| vec![change]), 0..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn both_disks_answer_alike(batches in batches(), range in range(), limit in 0..5_usize) {
        let directory = tempfile::tempdir().expect("a directory");
        let (sled, memory) = (SledDisk::open(directory.path()).expect("it opens"), MemoryDisk::default());
        for batch in &batches {
            sled.write(batch).expect("written");
            memory.write(batch).expect("written");
        }
        sled.flush().expect("flushed");
        sled.close();
        let sled = SledDisk::open(directory.path()).expect("it opens again");
        for space in [Space::Meta, Space::Log] {
            prop_assert_eq!(sled.last(space), memory.last(space));
            prop_assert_eq!(sled.range(space, &range, limit), memory.range(space, &range, limit));
            prop_assert_eq!(sled.get(space, &range.start), memory.get(space, &range.start));
        }
    }
}

#[test]
fn large_values_keep() {
    let directory = tempfile::tempdir().expect("a directory");
    let sled = SledDisk::open(directory.path()).expect("it opens");
    let value = |n: u8| vec![n; 700 * 1024];
    for n in 0..8 {
        sled.write(&[Change::Put(Space::Log, vec![n], value(n))]).expect("written");
        sled.flush().expect("flushed");
    }
    sled.close();
    let sled = SledDisk::open(directory.path()).expect("it opens again");
    for n in 0..8 {
        assert_eq!(sled.get(Space::Log, &[n]).expect("read"), Some(value(n)));
    }
}
