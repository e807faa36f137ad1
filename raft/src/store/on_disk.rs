//! What the records of a store say, in words that are not openraft's.

use super::records::{PURGED, SNAPSHOT, VOTE, damaged, decode, get_meta};
use super::state::codec::{Decoder, PIECE_BYTES};
use super::state::snapshot_name;
use super::types::{Entry, LogId, Vote};
use crate::disk::{Disk, DiskError};
use crate::fault::EntryId;
use crate::ids::ProxyId;

pub(crate) use super::records::log_key;

/// The term of the vote, and for whom it is.
pub(crate) fn vote(disk: &dyn Disk) -> Result<Option<(u64, ProxyId)>, DiskError> {
    let vote: Option<Vote> = get_meta(disk, VOTE)?;
    Ok(vote.map(|vote| (vote.leader_id().term, vote.leader_id().node_id)))
}

/// What the record of an entry is.
pub(crate) fn entry(disk: &dyn Disk, record: &[u8]) -> Result<EntryId, DiskError> {
    decode::<Entry>(disk, record).map(|entry| entry.log_id.into())
}

/// The last entry that is purged.
pub(crate) fn purged(disk: &dyn Disk) -> Result<Option<EntryId>, DiskError> {
    Ok(get_meta::<LogId>(disk, PURGED)?.map(EntryId::from))
}

/// The last entry that the current snapshot covers.
pub(crate) fn snapshot(disk: &dyn Disk) -> Result<Option<EntryId>, DiskError> {
    let Some(number) = get_meta::<u64>(disk, SNAPSHOT)? else { return Ok(None) };
    let name = snapshot_name(number);
    let file = disk.files().open(&name)?.ok_or_else(|| damaged(disk, format!("{name} is missing")))?;
    let mut decoder = Decoder::default();
    let pieces = file.bytes()?.div_ceil(PIECE_BYTES as u64);
    for piece in 0..pieces {
        let read = file.read(piece * PIECE_BYTES as u64, PIECE_BYTES)?;
        decoder.push(&read).map_err(|error| damaged(disk, format!("{name}: {error}")))?;
        // What it covers is said first.
        if let Some(header) = decoder.header() {
            return Ok(header.last_applied.map(EntryId::from));
        }
    }
    Err(damaged(disk, format!("{name} has no beginning")))
}

impl From<LogId> for EntryId {
    fn from(id: LogId) -> Self {
        Self { term: id.leader_id.term, leader: id.leader_id.node_id, index: id.index }
    }
}
