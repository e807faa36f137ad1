//! From the state to pieces.

use super::piece::{BODY_BYTES, seal};
use super::{END, End, HEADER, Header, MAGIC, SNAPSHOT_FORMAT};
use crate::store::records::encode;
use crate::store::state::image::Image;
use crate::table::SectionRecord;

/// Makes the pieces of a snapshot one by one.
pub(crate) struct Encoder<'a> {
    records: Box<dyn Iterator<Item = SectionRecord<'a>> + Send + 'a>,
    /// What is encoded; up to `sealed` it is in pieces already.
    stream: Vec<u8>,
    sealed: usize,
    whole: crc32fast::Hasher,
    counted: u64,
    pieces: u32,
    first: u32,
    ended: bool,
}

impl<'a> Encoder<'a> {
    /// Begins the snapshot of a state.
    pub(crate) fn new(image: &'a Image) -> Self {
        let Image { last_applied, membership, table } = image;
        let mut stream = MAGIC.to_vec();
        stream.extend_from_slice(&SNAPSHOT_FORMAT.to_be_bytes());
        let header = encode(&Header { last_applied: *last_applied, membership: membership.clone() });
        push_record(&mut stream, HEADER, |out| out.extend_from_slice(&header));
        let mut whole = crc32fast::Hasher::new();
        whole.update(&stream);
        let records = Box::new(table.section_records());
        Self { records, stream, sealed: 0, whole, counted: 0, pieces: 0, first: 0, ended: false }
    }

    /// Encodes records until a piece is full or everything is encoded.
    fn fill(&mut self) {
        if self.stream.len() - self.sealed < BODY_BYTES {
            // A record of many pieces is not moved for each of them.
            self.stream.drain(..self.sealed);
            self.sealed = 0;
        }
        while self.stream.len() - self.sealed < BODY_BYTES && !self.ended {
            let Some(record) = self.records.next() else { return self.end() };
            let start = self.stream.len();
            push_record(&mut self.stream, record.section(), |out| record.write(out));
            self.whole.update(&self.stream[start..]);
            self.counted += 1;
        }
    }

    fn end(&mut self) {
        let end = End { records: self.counted, checksum: self.whole.clone().finalize() };
        push_record(&mut self.stream, END, |out| out.extend_from_slice(&encode(&end)));
        self.ended = true;
    }
}

impl Iterator for Encoder<'_> {
    type Item = Vec<u8>;

    /// The next piece.
    fn next(&mut self) -> Option<Vec<u8>> {
        self.fill();
        let left = &self.stream[self.sealed..];
        if left.is_empty() {
            return None;
        }
        let body = &left[..left.len().min(BODY_BYTES)];
        self.sealed += body.len();
        let (piece, checksum) = seal(self.pieces, self.first, body);
        if self.pieces == 0 {
            self.first = checksum;
        }
        self.pieces += 1;
        Some(piece)
    }
}

/// Appends a record that `write` appends the bytes of.
fn push_record(stream: &mut Vec<u8>, section: u16, write: impl FnOnce(&mut Vec<u8>)) {
    stream.extend_from_slice(&section.to_be_bytes());
    let length_at = stream.len();
    stream.extend_from_slice(&[0; 4]);
    write(stream);
    let length = u32::try_from(stream.len() - length_at - 4).expect("no record comes near 4 GiB");
    stream[length_at..length_at + 4].copy_from_slice(&length.to_be_bytes());
}
