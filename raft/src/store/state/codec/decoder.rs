//! From pieces to the state.

use super::piece::{BODY_BYTES, HEAD_BYTES, MAX_PIECES, open};
use super::{END, End, HEADER, Header, MAGIC, MAX_RECORD_BYTES, RECORD_HEAD, SNAPSHOT_FORMAT, SnapshotError};
use crate::store::state::image::Image;
use crate::table::Table;

/// Bytes before the first record.
const PREAMBLE: usize = MAGIC.len() + 4;

/// Takes the pieces of a snapshot one by one and checks each.
#[derive(Default)]
pub(crate) struct Decoder {
    table: Table,
    header: Option<Header>,
    /// What has come and is not decoded yet: the beginning of a record.
    stream: Vec<u8>,
    whole: crc32fast::Hasher,
    begun: bool,
    counted: u64,
    pieces: u32,
    first: u32,
    /// A piece that is not full is the last.
    short: bool,
    ended: bool,
}

impl Decoder {
    /// Takes the next piece. After an error the decoder is of no further use.
    ///
    /// # Errors
    /// [`SnapshotError`]
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<(), SnapshotError> {
        let number = self.pieces;
        if number == MAX_PIECES {
            return Err(SnapshotError::TooLarge);
        }
        if self.ended || self.short {
            return Err(SnapshotError::Piece { number, reason: "it comes after the last" });
        }
        let (body, checksum) = open(piece, number, self.first).map_err(|error| self.foreign(piece).unwrap_or(error))?;
        if number == 0 {
            self.first = checksum;
        }
        self.pieces += 1;
        self.short = body.len() < BODY_BYTES;
        self.stream.extend_from_slice(body);
        self.decode()
    }

    /// What the snapshot says of itself, as soon as that has come.
    pub(crate) fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    /// Whether the last piece has come.
    pub(crate) fn is_complete(&self) -> bool {
        self.ended
    }

    /// The state, once every piece has come.
    ///
    /// # Errors
    /// [`SnapshotError::Incomplete`]
    pub(crate) fn finish(self) -> Result<Image, SnapshotError> {
        match (self.ended, self.header) {
            (true, Some(Header { last_applied, membership })) => Ok(Image { last_applied, membership, table: self.table }),
            (_, _) => Err(SnapshotError::Incomplete { pieces: self.pieces }),
        }
    }

    /// What was decoded so far.
    pub(crate) fn into_table(self) -> Table {
        self.table
    }

    /// Something that does not even begin like a snapshot is better called that than damaged.
    fn foreign(&self, piece: &[u8]) -> Option<SnapshotError> {
        let begins = piece.get(HEAD_BYTES..).is_some_and(|body| body.starts_with(MAGIC));
        (self.pieces == 0 && !begins).then_some(SnapshotError::Foreign)
    }

    fn decode(&mut self) -> Result<(), SnapshotError> {
        let mut stream = std::mem::take(&mut self.stream);
        let mut at = if self.begun { 0 } else { self.begin(&stream)? };
        while let Some((section, bytes)) = next_record(&stream[at..])? {
            let end = at + RECORD_HEAD + bytes.len();
            self.take(section, bytes)?;
            if self.ended && end < stream.len() {
                return Err(SnapshotError::Content("it goes on after its end"));
            }
            self.whole.update(&stream[at..end]);
            at = end;
        }
        stream.drain(..at);
        self.stream = stream;
        Ok(())
    }

    /// Checks what is before the first record, and says how long that is.
    fn begin(&mut self, stream: &[u8]) -> Result<usize, SnapshotError> {
        let format = stream.strip_prefix(MAGIC).and_then(|rest| rest.first_chunk()).ok_or(SnapshotError::Foreign)?;
        let found = u32::from_be_bytes(*format);
        if found == 0 || found > SNAPSHOT_FORMAT {
            return Err(SnapshotError::Format { found, known: SNAPSHOT_FORMAT });
        }
        self.whole.update(&stream[..PREAMBLE]);
        self.begun = true;
        Ok(PREAMBLE)
    }

    fn take(&mut self, section: u16, bytes: &[u8]) -> Result<(), SnapshotError> {
        match (section, &self.header) {
            (HEADER, None) => {
                let header = postcard::from_bytes(bytes).map_err(|_| SnapshotError::Content("its header does not decode"))?;
                self.header = Some(header);
            }
            (HEADER, Some(_)) => return Err(SnapshotError::Content("it has two headers")),
            (_, None) => return Err(SnapshotError::Content("it has no header")),
            (END, Some(_)) => self.end(bytes)?,
            (section, Some(_)) => {
                self.table.put_section_record(section, bytes)?;
                self.counted += 1;
            }
        }
        Ok(())
    }

    fn end(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        let end: End = postcard::from_bytes(bytes).map_err(|_| SnapshotError::Content("its end does not decode"))?;
        if (End { records: self.counted, checksum: self.whole.clone().finalize() }) != end {
            return Err(SnapshotError::Content("it does not fit the checksum of the whole"));
        }
        self.ended = true;
        Ok(())
    }
}

/// The record at the beginning of `stream`, if it is there as a whole.
fn next_record(stream: &[u8]) -> Result<Option<(u16, &[u8])>, SnapshotError> {
    let Some(&[s0, s1, l0, l1, l2, l3]) = stream.first_chunk::<RECORD_HEAD>() else { return Ok(None) };
    let length = usize::try_from(u32::from_be_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
    if length > MAX_RECORD_BYTES {
        return Err(SnapshotError::Content("a record is longer than any"));
    }
    Ok(stream[RECORD_HEAD..].get(..length).map(|bytes| (u16::from_be_bytes([s0, s1]), bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_pieces_than_any_snapshot_has_are_refused() {
        let mut decoder = Decoder { pieces: MAX_PIECES, ..Decoder::default() };
        assert_eq!(decoder.push(&[]), Err(SnapshotError::TooLarge));
    }
}
