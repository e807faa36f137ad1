//! The store's decoders by themselves: bytes in, and out comes what was read or why nothing was. For fuzzers and models, which see nothing else of the
//! store's inside; no part of what the store promises.

use std::fmt::Debug;

use openraft::CommittedLeaderId;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::disk::{noted, pieces as pieces_of_values};
use crate::ids::{Level, ProxyId};
use crate::store::message::{Request, Response};
use crate::store::state::Image;
use crate::store::state::SnapshotError;
use crate::store::state::codec::{self, Decoder, Encoder, Header};
use crate::store::types::{Entry, LogId, Vote};
use crate::table::{SectionError, Table};

/// What bytes hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// It, in words.
    pub shown: String,
    /// It, written again.
    pub written: Vec<u8>,
}

/// What bytes hold, or why they hold nothing.
pub type Reading = Result<Decoded, String>;

/// A request of another member.
///
/// # Errors
/// Why it is none.
pub fn request(bytes: &[u8]) -> Reading {
    read::<Request>(bytes)
}

/// A member's answer.
///
/// # Errors
/// Why it is none.
pub fn response(bytes: &[u8]) -> Reading {
    read::<Response>(bytes)
}

/// How many kinds of requests there are.
pub const REQUESTS: u32 = Request::KINDS;

/// A log entry as it lies on the disk.
///
/// # Errors
/// Why it is none.
pub fn entry(bytes: &[u8]) -> Reading {
    read::<Entry>(bytes)
}

/// The vote as it lies on the disk.
///
/// # Errors
/// Why it is none.
pub fn vote(bytes: &[u8]) -> Reading {
    read::<Vote>(bytes)
}

/// The committed or the purged log id as it lies on the disk.
///
/// # Errors
/// Why it is none.
pub fn log_id(bytes: &[u8]) -> Reading {
    read::<Option<LogId>>(bytes)
}

/// A feature level, an incarnation, or another number as it lies on the disk.
///
/// # Errors
/// Why it is none.
pub fn number(bytes: &[u8]) -> Reading {
    read::<Level>(bytes)
}

/// What a snapshot says of itself first.
///
/// # Errors
/// Why it says nothing.
pub fn header(bytes: &[u8]) -> Reading {
    read::<Header>(bytes)
}

/// A value as the disk keeps it: its first record, and the further ones.
pub fn cut(value: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let (first, further) = pieces_of_values::cut(value);
    (first, further.map(<[u8]>::to_vec).collect())
}

/// The value of these records; `None` where one is missing or the first one says nothing.
pub fn joined(first: &[u8], further: &[&[u8]]) -> Option<Vec<u8>> {
    let piece = |place: u32| Ok(usize::try_from(place - 1).ok().and_then(|place| further.get(place)));
    pieces_of_values::join(first, piece).ok()
}

/// The file beside a database: how many flushes it notes, if any; `None` where there is nothing or damage.
pub fn fence(bytes: &[u8]) -> Option<u64> {
    noted(bytes)
}

/// A table of these records, section by section, as a snapshot has them.
///
/// # Errors
/// [`SectionError`]
pub fn table<'a>(records: impl IntoIterator<Item = (u16, &'a [u8])>) -> Result<Table, SectionError> {
    let mut table = Table::default();
    records.into_iter().try_for_each(|(section, bytes)| table.put_section_record(section, bytes))?;
    Ok(table)
}

/// Its records, section by section.
pub fn records(table: &Table) -> Vec<(u16, Vec<u8>)> {
    let written = table.section_records().map(|record| {
        let mut bytes = Vec::new();
        record.write(&mut bytes);
        (record.section(), bytes)
    });
    written.collect()
}

/// A snapshot of the table as of the first entry, in its pieces.
pub fn pieces(table: &Table) -> Vec<Vec<u8>> {
    let last_applied = Some(LogId::new(CommittedLeaderId::new(1, ProxyId(1)), 1));
    let image = Image { last_applied, table: table.clone(), ..Image::default() };
    Encoder::new(&image).collect()
}

/// Any bytes, cut into pieces that fit their checksums.
pub fn sealed(stream: &[u8]) -> Vec<Vec<u8>> {
    codec::sealed(stream)
}

/// The table of the snapshot that these pieces are.
///
/// # Errors
/// [`SnapshotError`]
pub fn snapshot<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Table, SnapshotError> {
    let mut decoder = Decoder::default();
    pieces.into_iter().try_for_each(|piece| decoder.push(piece))?;
    Ok(decoder.finish()?.table)
}

fn read<T: Serialize + DeserializeOwned + Debug>(bytes: &[u8]) -> Reading {
    let value: T = postcard::from_bytes(bytes).map_err(|error| error.to_string())?;
    let written = postcard::to_stdvec(&value).map_err(|error| format!("it was read and cannot be written: {error}"))?;
    Ok(Decoded { shown: format!("{value:?}"), written })
}
