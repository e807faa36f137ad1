//! Snapshots as they come from a peer, a disk or an operator's file.

use warren_raft::decoding;
use warren_raft::saved::Reader;

use super::commands::grown;
use super::{Outcome, Target};

pub(super) const TARGET: Target = Target {
    name: "snapshot",
    reads: "snapshots: pieces with checksums, an operator's file, and a stream whose checksums fit",
    run: target,
    seeds,
};

/// What the first byte of an input says of the others.
const FORMS: u8 = 3;

/// A file in portions of any size, pieces of which each says how long it is, or a stream that is given the checksums that it needs.
fn target(data: &[u8]) -> Outcome {
    let Some((first, rest)) = data.split_first() else { return Outcome::refused("nothing", &"no form") };
    match first % FORMS {
        0 => file(rest),
        1 => pieces("pieces", &cut(rest)),
        _ => pieces("stream", &decoding::sealed(rest).iter().map(Vec::as_slice).collect::<Vec<_>>()),
    }
}

fn file(bytes: &[u8]) -> Outcome {
    let by = |portion: usize| {
        let mut reader = Reader::default();
        bytes.chunks(portion).try_for_each(|portion| reader.push(portion))?;
        reader.finish()
    };
    let (slowly, at_once) = (by(7), by(usize::MAX));
    assert_eq!(slowly.as_ref().map(|saved| saved.summary()).ok(), at_once.as_ref().map(|saved| saved.summary()).ok());
    match at_once {
        Ok(saved) => Outcome::decoded("file", &saved.summary()),
        Err(error) => Outcome::refused("file", &error),
    }
}

fn pieces(kind: &str, pieces: &[&[u8]]) -> Outcome {
    match decoding::snapshot(pieces.iter().copied()) {
        Ok(table) => {
            let written = decoding::pieces(&table);
            let again = decoding::snapshot(written.iter().map(Vec::as_slice)).expect("what was written can be read");
            assert_eq!(again, table, "written and read again");
            assert_eq!(decoding::pieces(&again), written, "written again");
            Outcome::decoded(kind, &table.counts())
        }
        Err(error) => Outcome::refused(kind, &error),
    }
}

/// Pieces by what their heads say of their length.
fn cut(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    while let Some(&[_, _, _, _, _, l1, l2, l3]) = bytes.first_chunk::<8>() {
        let length = usize::from(l1) << 16 | usize::from(l2) << 8 | usize::from(l3);
        let (piece, rest) = bytes.split_at((length + 12).min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

fn seeds() -> Vec<Vec<u8>> {
    let table = grown();
    let whole = decoding::pieces(&table).concat();
    let empty = decoding::pieces(&warren_raft::Table::default()).concat();
    let stream = &whole[8..whole.len() - 4];
    let form = |form: u8, bytes: &[u8]| [&[form], bytes].concat();
    let mut seeds =
        vec![form(0, &whole), form(0, &empty), form(1, &whole), form(1, &empty), form(2, stream), form(2, &empty[8..empty.len() - 4])];
    seeds.push(form(1, &whole[..whole.len() - 9]));
    seeds.push(form(2, &stream[..stream.len() - 9]));
    seeds.push(form(2, b"warrsnap\0\0\0\x02"));
    seeds
}
