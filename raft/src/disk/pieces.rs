//! A value of any size as records of a few kilobytes.
//!
//! sled keeps up to twenty records in a node of its tree and now and then writes a node as a whole. One of more than a quarter of a segment, 128 KiB, goes into a
//! file of its own in `blobs/`, and only its number into the log. The log can reach the platter before that file does, by sled's own hand, and when the power
//! fails in between, sled skips the node: with it goes everything that was in it, flushed long ago or not. (Found by copying the disk of a running
//! member: about one opening in fifty failed.) So a large value is cut, and no node is ever that large.
//!
//! | key | value |
//! |---|---|
//! | space, key | the number of further pieces, 4 bytes big-endian, and the first piece |
//! | space + 128, key, number of the piece from 1, 4 bytes big-endian | a further piece |

use std::ops::Bound;

use super::{KeyRange, Record, Space};

/// Bytes of a piece: twenty of them are far from a quarter of a segment.
const PIECE: usize = 4 * 1024;
/// What tells the space of further pieces from that of first ones.
const FURTHER: u8 = 0x80;
/// Bytes of the number in front of a first piece, and behind the key of a further one.
const NUMBER: usize = 4;

/// Adds a value to a batch, in place of the one that the key has.
pub(super) fn put(db: &sled::Db, batch: &mut sled::Batch, (space, key): (Space, &[u8]), value: &[u8]) -> sled::Result<()> {
    let (first, further) = cut(value);
    if let Some(earlier) = db.get(first_key(space, key))? {
        // Those that the new value has too are overwritten.
        for place in number(further.len())..further_pieces(&earlier)? {
            batch.remove(further_key(space, key, place + 1));
        }
    }
    batch.insert(first_key(space, key), first);
    for (place, piece) in (1..).zip(further) {
        batch.insert(further_key(space, key, place), piece);
    }
    Ok(())
}

/// Adds the removal of a range of keys to a batch.
pub(super) fn remove(db: &sled::Db, batch: &mut sled::Batch, space: Space, range: &KeyRange) -> sled::Result<()> {
    for record in db.range(first_keys(space, range)) {
        let (key, first) = record?;
        for place in 0..further_pieces(&first)? {
            batch.remove(further_key(space, &key[1..], place + 1));
        }
        batch.remove(key);
    }
    Ok(())
}

/// The value of a key.
pub(super) fn get(db: &sled::Db, space: Space, key: &[u8]) -> sled::Result<Option<Vec<u8>>> {
    db.get(first_key(space, key))?.map(|first| whole(db, (space, key), &first)).transpose()
}

/// The records of a range in order, at most `limit`.
pub(super) fn range(db: &sled::Db, space: Space, range: &KeyRange, limit: usize) -> sled::Result<Vec<Record>> {
    db.range(first_keys(space, range)).take(limit).map(|record| joined(db, space, record?)).collect()
}

/// The last record of a space.
pub(super) fn last(db: &sled::Db, space: Space) -> sled::Result<Option<Record>> {
    let all = KeyRange { start: Vec::new(), end: None };
    db.range(first_keys(space, &all)).next_back().transpose()?.map(|record| joined(db, space, record)).transpose()
}

fn joined(db: &sled::Db, space: Space, (key, first): (sled::IVec, sled::IVec)) -> sled::Result<Record> {
    let key = key[1..].to_vec();
    let value = whole(db, (space, &key), &first)?;
    Ok((key, value))
}

fn whole(db: &sled::Db, (space, key): (Space, &[u8]), first: &[u8]) -> sled::Result<Vec<u8>> {
    join(first, |place| db.get(further_key(space, key, place)))
}

/// The value whose first piece this is; the further ones are asked for by their place, from 1.
pub(crate) fn join<P: AsRef<[u8]>>(first: &[u8], mut piece: impl FnMut(u32) -> sled::Result<Option<P>>) -> sled::Result<Vec<u8>> {
    let mut value = first.get(NUMBER..).unwrap_or_default().to_vec();
    for place in 0..further_pieces(first)? {
        value.extend_from_slice(piece(place + 1)?.ok_or_else(damaged)?.as_ref());
    }
    Ok(value)
}

/// A value as its first piece and the further ones.
pub(crate) fn cut(value: &[u8]) -> (Vec<u8>, impl ExactSizeIterator<Item = &[u8]>) {
    let first = value.get(..PIECE).unwrap_or(value);
    let further = value[first.len()..].chunks(PIECE);
    ([&number(further.len()).to_be_bytes(), first].concat(), further)
}

/// How many further pieces a first one says there are.
fn further_pieces(first: &[u8]) -> sled::Result<u32> {
    first.first_chunk().map(|count| u32::from_be_bytes(*count)).ok_or_else(damaged)
}

fn damaged() -> sled::Error {
    sled::Error::Corruption { at: None, bt: () }
}

fn number(pieces: usize) -> u32 {
    u32::try_from(pieces).expect("a value is in memory, and 16 TiB are not")
}

fn first_key(space: Space, key: &[u8]) -> Vec<u8> {
    [&[space.number()], key].concat()
}

fn further_key(space: Space, key: &[u8], place: u32) -> Vec<u8> {
    [&[space.number() + FURTHER], key, &place.to_be_bytes()].concat()
}

fn first_keys(space: Space, range: &KeyRange) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
    let start = first_key(space, &range.start);
    let end = range.end.as_ref().map_or_else(|| vec![space.number() + 1], |end| first_key(space, end));
    // An empty range the wrong way round is no range at all; sled would panic on it.
    let end = end.max(start.clone());
    (Bound::Included(start), Bound::Excluded(end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn database() -> (tempfile::TempDir, sled::Db) {
        let directory = tempfile::tempdir().expect("a directory");
        let db = sled::open(directory.path()).expect("a database");
        (directory, db)
    }

    fn write(db: &sled::Db, key: &[u8], value: &[u8]) {
        let mut batch = sled::Batch::default();
        put(db, &mut batch, (Space::Log, key), value).expect("read");
        db.apply_batch(batch).expect("written");
    }

    #[test]
    fn a_large_value_has_a_first_piece_and_further_ones() {
        let (_directory, db) = database();
        write(&db, b"key", &[7; 2 * PIECE + 1]);
        let records: Vec<_> = db.iter().map(|record| record.expect("read")).collect();
        let lengths: Vec<_> = records.iter().map(|(key, value)| (key.to_vec(), value.len())).collect();
        let expected = [(b"\x01key".to_vec(), NUMBER + PIECE), (b"\x81key\0\0\0\x01".to_vec(), PIECE), (b"\x81key\0\0\0\x02".to_vec(), 1)];
        assert_eq!(lengths, expected);
        assert_eq!(records[0].1[..NUMBER], [0, 0, 0, 2]);
    }

    /// They come one by one and are removed from the front, as a log is, so that nodes are split and merged.
    #[test]
    fn no_node_becomes_a_file_of_its_own() {
        let (directory, db) = database();
        for n in 0..40_u8 {
            write(&db, &[n], &vec![n; 8 * PIECE * usize::from(n)]);
            let first = KeyRange { start: vec![], end: Some(vec![n / 2]) };
            let mut batch = sled::Batch::default();
            remove(&db, &mut batch, Space::Log, &first).expect("read");
            db.apply_batch(batch).expect("removed");
            db.flush().expect("flushed");
        }
        let blobs = std::fs::read_dir(directory.path().join("blobs")).expect("sled's directory for them");
        assert_eq!(blobs.count(), 0);
    }

    #[test]
    fn a_piece_that_is_missing_is_damage() {
        let (_directory, db) = database();
        write(&db, b"key", &[7; 2 * PIECE]);
        db.remove(further_key(Space::Log, b"key", 1)).expect("removed");
        assert!(matches!(get(&db, Space::Log, b"key"), Err(sled::Error::Corruption { .. })));
        assert!(matches!(last(&db, Space::Log), Err(sled::Error::Corruption { .. })));
        db.insert(first_key(Space::Log, b"key"), &[1]).expect("overwritten");
        assert!(matches!(get(&db, Space::Log, b"key"), Err(sled::Error::Corruption { .. })));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        /// Whatever is written last is read whole, and nothing is left of what was overwritten or removed.
        #[test]
        fn values_of_any_size_come_back(sizes in proptest::collection::vec((0_u8..4, 0..4 * PIECE), 1..12)) {
            let (_directory, db) = database();
            let mut expected = std::collections::BTreeMap::new();
            for (key, size) in sizes {
                let value: Vec<u8> = (0..size).map(|place| (place % 251) as u8 ^ key).collect();
                write(&db, &[key], &value);
                expected.insert(vec![key], value);
            }
            let all = KeyRange { start: vec![], end: None };
            let expected: Vec<_> = expected.into_iter().collect();
            prop_assert_eq!(&range(&db, Space::Log, &all, 100).expect("read"), &expected);
            prop_assert_eq!(last(&db, Space::Log).expect("read"), expected.last().cloned());
            prop_assert_eq!(get(&db, Space::Log, &expected[0].0).expect("read"), Some(expected[0].1.clone()));
            let mut batch = sled::Batch::default();
            remove(&db, &mut batch, Space::Log, &all).expect("read");
            db.apply_batch(batch).expect("removed");
            prop_assert_eq!(db.len(), 0);
        }
    }
}
