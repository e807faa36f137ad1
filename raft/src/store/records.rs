//! The keys of the store on its disk, and how values become bytes.
//!
//! | space | key | value |
//! |---|---|---|
//! | meta | `format`, `id`, `incarnation`, `level` | a number |
//! | meta | `vote`, `committed`, `purged` | openraft's own |
//! | log | index, 8 bytes big-endian | the entry |
//! | meta | `snapshot` | the number of the current snapshot |
//!
//! Snapshots are files beside them, `snapshot-NUMBER`, in the form that [`codec`](super::state::codec) describes.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::disk::{Change, Disk, DiskError, KeyRange, Operation, Space};

pub(crate) const FORMAT: &[u8] = b"format";
pub(crate) const ID: &[u8] = b"id";
pub(crate) const INCARNATION: &[u8] = b"incarnation";
/// The highest feature level that the log may need.
pub(crate) const LEVEL: &[u8] = b"level";
pub(crate) const VOTE: &[u8] = b"vote";
pub(crate) const COMMITTED: &[u8] = b"committed";
pub(crate) const PURGED: &[u8] = b"purged";
pub(crate) const SNAPSHOT: &[u8] = b"snapshot";

/// The bytes of a value of ours.
pub(crate) fn encode(value: &impl Serialize) -> Vec<u8> {
    postcard::to_stdvec(value).expect("our records have no type that postcard refuses, and a vector grows")
}

/// A change that sets a single record.
pub(crate) fn put_meta(key: &[u8], value: &impl Serialize) -> Change {
    Change::Put(Space::Meta, key.to_vec(), encode(value))
}

/// Reads a single record.
pub(crate) fn get_meta<T: DeserializeOwned>(disk: &dyn Disk, key: &[u8]) -> Result<Option<T>, DiskError> {
    disk.get(Space::Meta, key)?.map(|bytes| decode(disk, &bytes)).transpose()
}

/// Reads a value, naming the store when it is not one.
pub(crate) fn decode<T: DeserializeOwned>(disk: &dyn Disk, bytes: &[u8]) -> Result<T, DiskError> {
    postcard::from_bytes(bytes).map_err(|error| damaged(disk, format!("a record does not decode: {error}")))
}

/// The error for a store that holds something else than what was written.
pub(crate) fn damaged(disk: &dyn Disk, reason: String) -> DiskError {
    DiskError::broken(disk.location(), Operation::Decode, reason)
}

/// The key of a log entry.
pub(crate) fn log_key(index: u64) -> Vec<u8> {
    index.to_be_bytes().to_vec()
}

/// The index of the log entry with this key.
pub(crate) fn log_index(disk: &dyn Disk, key: &[u8]) -> Result<u64, DiskError> {
    let index = key.try_into().map_err(|_| damaged(disk, format!("a log entry has the key {key:02x?}")))?;
    Ok(u64::from_be_bytes(index))
}

/// The log from `start`, inclusive, to `end`, exclusive.
pub(crate) fn log_range(start: u64, end: Option<u64>) -> KeyRange {
    KeyRange { start: log_key(start), end: end.map(log_key) }
}
