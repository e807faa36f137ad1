//! A value of the store as the records that it is cut into.

use warren_raft::decoding;

use super::{Outcome, Target};

pub(super) const TARGET: Target =
    Target { name: "pieces", reads: "a value of the store's disk, which is cut into records of a few kilobytes", run: target, seeds };

/// The longest record after the first that an input makes.
const RECORD: usize = 64;

/// The first byte says how much of the rest is the first record; the others follow in pieces.
fn target(data: &[u8]) -> Outcome {
    let Some((length, rest)) = data.split_first() else { return Outcome::refused("nothing", &"no record") };
    let (first, further) = rest.split_at(usize::from(*length).min(rest.len()));
    let records: Vec<_> = further.chunks(RECORD).collect();
    // Whatever is on the disk, it is read whole or not at all.
    let joined = decoding::joined(first, &records);
    if let Some(value) = &joined {
        assert!(value.len() <= rest.len(), "more than there was");
    }
    // And what is written is read again.
    let (first, further) = decoding::cut(rest);
    let further: Vec<_> = further.iter().map(Vec::as_slice).collect();
    assert_eq!(decoding::joined(&first, &further).as_deref(), Some(rest), "written and read again");
    if let Some((_, short)) = further.split_last() {
        assert_eq!(decoding::joined(&first, short), None, "one record is missing");
    }
    match joined {
        Some(_) => Outcome::plain("pieces", "joined"),
        None => Outcome::refused("pieces", &"one is missing"),
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let long = vec![7; 9_000];
    vec![
        [&[7_u8, 0, 0, 0, 0][..], b"one"].concat(),
        [&[5_u8, 0, 0, 0, 1, 9][..], b"two"].concat(),
        [&[4_u8, 0, 0, 0, 2][..], &[1; 70]].concat(),
        vec![4, 0xff, 0xff, 0xff, 0xff, 1],
        vec![2, 0, 0],
        [&[4_u8][..], &long].concat(),
    ]
}
