//! A snapshot as a sequence of bounded pieces: the one form in which it lies on the disk, travels to a peer and is saved by an operator.
//!
//! ```text
//!   snapshot = stream, cut into pieces
//!   piece    = number, 4 bytes | length of the body, 4 bytes | body | checksum, 4 bytes
//!   stream   = "warrsnap" | format, 4 bytes | record ..
//!   record   = section, 2 bytes | length, 4 bytes | postcard
//! ```
//!
//! Numbers are big-endian. Every body but the last has `BODY_BYTES`, so that piece `n` begins at `n` times [`PIECE_BYTES`]. A piece's checksum is
//! the CRC-32 of its number, length and body, continued from the checksum of piece 0: a piece that is damaged, at another place
//! or of another snapshot is refused when it comes, and each can be checked without those between. The first record is the header
//! (section 1), then come the table's sections, and the last record (section 0) has the number of records and the CRC-32 of the whole
//! stream before it.
//!
//! The same state has the same bytes on every member. Neither encoder nor decoder holds more than a piece and the record in hand beside the
//! table, and neither reads a clock, waits or does I/O: who drives them decides when others have their turn.

mod decoder;
mod encoder;
mod error;
mod piece;
#[cfg(test)]
mod tests;

pub(crate) use decoder::Decoder;
pub(crate) use encoder::Encoder;
pub use error::SnapshotError;
pub(crate) use piece::{HEAD_BYTES, PIECE_BYTES, piece_length, sealed};

use serde::{Deserialize, Serialize};

use crate::store::types::{LogId, Membership};

/// What a snapshot begins with.
const MAGIC: &[u8; 8] = b"warrsnap";
/// The format that this version writes, and the newest that it reads.
pub(crate) const SNAPSHOT_FORMAT: u32 = 1;
/// The section of the record that is the last.
const END: u16 = 0;
/// The section of the record that is the first.
const HEADER: u16 = 1;
/// Section and length.
const RECORD_HEAD: usize = 6;
/// Longest record: a token that a few million machines have used.
const MAX_RECORD_BYTES: usize = 256 * 1024 * 1024;

/// What a snapshot says of itself first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// The last entry that was applied.
    pub(crate) last_applied: Option<LogId>,
    /// The last membership among the applied entries.
    pub(crate) membership: Membership,
}

/// What a snapshot says of itself last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct End {
    /// How many records there are, this one and the header not counted.
    records: u64,
    /// CRC-32 of the stream before this record.
    checksum: u32,
}
