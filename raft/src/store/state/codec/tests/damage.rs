//! Whatever happens to the pieces is noticed.

use proptest::prelude::*;

use super::super::{END, HEADER, MAGIC, MAX_RECORD_BYTES, PIECE_BYTES, sealed};
use super::round_trip::several;
use super::{Contents, Decoder, SnapshotError, decode, image, log_id, pieces};
use crate::store::state::image::Image;
use crate::table::SectionError;

/// What can happen to the pieces of a snapshot on their way.
#[derive(Clone, Debug)]
enum Mishap {
    Flipped {
        piece: usize,
        at: usize,
        bit: u8,
    },
    Missing(usize),
    Doubled(usize),
    Swapped(usize, usize),
    Cut {
        piece: usize,
        to: usize,
    },
    /// The pieces from this one on are those of another snapshot.
    Changed(usize),
    Longer,
}

fn mishap(pieces: usize) -> impl Strategy<Value = Mishap> {
    let place = 0..pieces;
    prop_oneof![
        4 => (place.clone(), 0..PIECE_BYTES, 0..8_u8).prop_map(|(piece, at, bit)| Mishap::Flipped { piece, at, bit }),
        2 => place.clone().prop_map(Mishap::Missing),
        2 => place.clone().prop_map(Mishap::Doubled),
        2 => (0..pieces - 1, 1..pieces).prop_map(move |(a, b)| Mishap::Swapped(a, if a == b { b - 1 } else { b })),
        2 => (place, 0..PIECE_BYTES).prop_map(|(piece, to)| Mishap::Cut { piece, to }),
        2 => (1..pieces).prop_map(Mishap::Changed),
        1 => Just(Mishap::Longer),
    ]
    .prop_filter("two pieces that are one", |mishap| !matches!(mishap, Mishap::Swapped(a, b) if a == b))
}

fn befall(pieces: &mut Vec<Vec<u8>>, other: &[Vec<u8>], mishap: &Mishap) {
    match *mishap {
        Mishap::Flipped { piece, at, bit } => {
            let at = at % pieces[piece].len();
            pieces[piece][at] ^= 1 << bit;
        }
        Mishap::Missing(piece) => drop(pieces.remove(piece)),
        Mishap::Doubled(piece) => pieces.insert(piece, pieces[piece].clone()),
        Mishap::Swapped(a, b) => pieces.swap(a, b),
        Mishap::Cut { piece, to } => {
            let to = to % pieces[piece].len();
            pieces[piece].truncate(to);
        }
        Mishap::Changed(from) => {
            pieces.truncate(from);
            pieces.extend_from_slice(&other[from..]);
        }
        Mishap::Longer => pieces.push(pieces[0].clone()),
    }
}

#[test]
fn every_mishap_is_noticed() {
    let whole = pieces(&several());
    let mut other = several();
    other.last_applied = Some(log_id(3, 301));
    let other = pieces(&other);
    assert_eq!(other.len(), whole.len());
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let outcome = runner.run(&mishap(whole.len()), |mishap| {
        let mut pieces = whole.clone();
        befall(&mut pieces, &other, &mishap);
        prop_assert!(decode(&pieces).is_err(), "{:?}", mishap);
        Ok(())
    });
    outcome.expect("every mishap is refused");
}

#[test]
fn every_bit_of_a_small_snapshot_counts() {
    let whole = pieces(&image(&Contents { agents: 1, routed: 1, services: 1, clients: 1, tokens: 1, proxies: 1 }));
    assert_eq!(whole.len(), 1);
    for bit in 0..whole[0].len() * 8 {
        let mut piece = whole[0].clone();
        piece[bit / 8] ^= 1 << (bit % 8);
        assert!(decode([&piece]).is_err(), "bit {bit}");
    }
}

/// A stream of these records as pieces that fit their checksums.
fn forged(preamble: &[u8], records: &[(u16, &[u8])]) -> Vec<Vec<u8>> {
    let mut stream = preamble.to_vec();
    for (section, bytes) in records {
        stream.extend_from_slice(&section.to_be_bytes());
        stream.extend_from_slice(&u32::try_from(bytes.len()).expect("small").to_be_bytes());
        stream.extend_from_slice(bytes);
    }
    sealed(&stream)
}

#[test]
fn what_a_stranger_made_up_is_refused() {
    let preamble = [&MAGIC[..], &[0, 0, 0, 1]].concat();
    let header = postcard::to_stdvec(&super::super::Header { last_applied: None, membership: Default::default() }).expect("bytes");
    let header = (HEADER, header.as_slice());
    let content = SnapshotError::Content;
    let table: [(Vec<Vec<u8>>, SnapshotError); 11] = [
        (forged(b"something else", &[]), SnapshotError::Foreign),
        (forged(&MAGIC[..], &[]), SnapshotError::Foreign),
        (forged(&[&MAGIC[..], &[0, 0, 0, 2]].concat(), &[header]), SnapshotError::Format { found: 2, known: 1 }),
        (forged(&preamble, &[(3, &[1, 1])]), content("it has no header")),
        (forged(&preamble, &[header, header]), content("it has two headers")),
        (forged(&preamble, &[(HEADER, &[9])]), content("its header does not decode")),
        (forged(&preamble, &[header, (77, &[])]), SnapshotError::Section(SectionError::Unknown(77))),
        (forged(&preamble, &[header, (3, &[1, 1]), (3, &[1, 1])]), SnapshotError::Section(SectionError::Twice(3))),
        (forged(&preamble, &[header, (END, &[0])]), content("its end does not decode")),
        (forged(&preamble, &[header, (END, &[0, 0])]), content("it does not fit the checksum of the whole")),
        (forged(&preamble, &[header]), SnapshotError::Incomplete { pieces: 1 }),
    ];
    for (pieces, expected) in table {
        assert_eq!(decode(&pieces), Err(expected));
    }
    let garbled = decode(&forged(&preamble, &[header, (3, &[1, 1, 1])]));
    assert!(matches!(garbled, Err(SnapshotError::Section(SectionError::Garbled { section: 3, .. }))), "{garbled:?}");
}

#[test]
fn what_follows_the_end_is_refused() {
    let stream: Vec<u8> = pieces(&Image::default())[0][8..].to_vec();
    let mut stream = stream[..stream.len() - 4].to_vec();
    stream.extend_from_slice(&[0, 3, 0, 0, 0, 0]);
    assert_eq!(decode(&sealed(&stream)), Err(SnapshotError::Content("it goes on after its end")));
}

/// A length that is claimed costs nothing before the bytes are there.
#[test]
fn a_claimed_length_is_bounded() {
    let claim = |length: usize| {
        let mut stream = [&MAGIC[..], &[0, 0, 0, 1], &HEADER.to_be_bytes()].concat();
        stream.extend_from_slice(&u32::try_from(length).expect("32 bits").to_be_bytes());
        sealed(&stream)
    };
    assert_eq!(decode(&claim(MAX_RECORD_BYTES)), Err(SnapshotError::Incomplete { pieces: 1 }));
    assert_eq!(decode(&claim(MAX_RECORD_BYTES + 1)), Err(SnapshotError::Content("a record is longer than any")));
    assert_eq!(decode(&claim(u32::MAX as usize)), Err(SnapshotError::Content("a record is longer than any")));
}

#[test]
fn strange_bytes_are_no_piece() {
    for bytes in [&b""[..], b"x", &[0; 11], &[0xff; 64]] {
        assert!(Decoder::default().push(bytes).is_err(), "{bytes:?}");
    }
    assert_eq!(Decoder::default().push(b"#!/bin/sh\necho not a snapshot\n"), Err(SnapshotError::Foreign));
}
