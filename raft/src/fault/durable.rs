//! What is on the disk of a member, for whoever checks promises against it.

use super::EntryId;
use crate::disk::{Disk, DiskError, Space};
use crate::ids::ProxyId;
use crate::store::on_disk;

/// A vote on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DurableVote {
    /// The term.
    pub term: u64,
    /// For whom.
    pub candidate: ProxyId,
}

/// The vote on a disk.
///
/// # Errors
/// [`DiskError`]
pub fn read_vote(disk: &dyn Disk) -> Result<Option<DurableVote>, DiskError> {
    Ok(on_disk::vote(disk)?.map(|(term, candidate)| DurableVote { term, candidate }))
}

/// The entry at an index of the log on a disk.
///
/// # Errors
/// [`DiskError`]
pub fn read_entry(disk: &dyn Disk, index: u64) -> Result<Option<EntryId>, DiskError> {
    let record = disk.get(Space::Log, &on_disk::log_key(index))?;
    record.map(|record| on_disk::entry(disk, &record)).transpose()
}

/// The last entry that is purged from the log on a disk.
///
/// # Errors
/// [`DiskError`]
pub fn read_purged(disk: &dyn Disk) -> Result<Option<EntryId>, DiskError> {
    on_disk::purged(disk)
}

/// The last entry that the current snapshot on a disk covers.
///
/// # Errors
/// [`DiskError`]
pub fn read_snapshot(disk: &dyn Disk) -> Result<Option<EntryId>, DiskError> {
    on_disk::snapshot(disk)
}
