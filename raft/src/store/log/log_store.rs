//! openraft's `RaftLogStorage` on the disk.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, Range, RangeBounds};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use openraft::storage::{LogFlushed, RaftLogStorage};
use openraft::{AnyError, LogState, OptionalSend, RaftLogReader, StorageIOError};

use super::sizes::Sizes;
use super::tail::Tail;
use crate::disk::writer::{Durability, Writer};
use crate::disk::{Change, DiskError, Space};
use crate::store::levels::raised_by;
use crate::store::records::{COMMITTED, LEVEL, PURGED, VOTE, decode, encode, get_meta, log_index, log_key, log_range, put_meta};
use crate::store::state::Shelf;
use crate::store::types::{Entry, LogId, StorageError, TypeConfig, Vote};
use crate::{mutant, reached};

/// Most bytes of entries in one answer to openraft, and so in one message to a peer, unless a single entry has more.
const MAX_READ_BYTES: usize = 512 * 1024;
/// Most entries that are read from the disk in one go.
const READ_STEP: usize = 64;

/// The log, the vote and the committed index. Clones share one log.
#[derive(Clone)]
pub(crate) struct LogStore {
    writer: Writer,
    tail: Tail,
    committed: Arc<AtomicU64>,
    shelf: Shelf,
    sizes: Sizes,
}

impl LogStore {
    /// The log whose beginning the snapshots on this shelf replace.
    #[cfg(test)]
    pub(crate) fn new(writer: Writer, shelf: Shelf) -> Self {
        Self::sharing(writer, shelf, Arc::default(), Sizes::default())
    }

    /// The same, noting in `committed` the last committed entry that this member knows of, and in `sizes` what the entries take.
    pub(crate) fn sharing(writer: Writer, shelf: Shelf, committed: Arc<AtomicU64>, sizes: Sizes) -> Self {
        Self { writer, tail: Tail::default(), committed, shelf, sizes }
    }

    /// Finds out what the entries take that are there already.
    pub(crate) async fn measure(&self) -> Result<(), DiskError> {
        self.sizes.clear();
        let mut next = 0;
        loop {
            let records = self.writer.read(move |disk| {
                let records = disk.range(Space::Log, &log_range(next, None), READ_STEP)?;
                records.into_iter().map(|(key, record)| Ok((log_index(disk, &key)?, record.len()))).collect::<Result<Vec<_>, _>>()
            });
            let records = records.await?;
            let Some((last, _)) = records.last() else { return Ok(()) };
            next = last + 1;
            records.into_iter().for_each(|(index, bytes)| self.sizes.push(index, bytes));
        }
    }

    /// The entries of the range with at most `max_bytes` together, but at least one if there is any.
    async fn read(&self, range: Range<u64>, max_bytes: usize) -> Result<Vec<Entry>, StorageError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(entries) = self.tail.get(&range, max_bytes) {
            return Ok(entries);
        }
        let read = self.writer.read(move |disk| {
            let (mut entries, mut next, mut bytes) = (Vec::new(), range.start, 0);
            while next < range.end {
                let records = disk.range(Space::Log, &log_range(next, Some(range.end)), READ_STEP)?;
                let full = records.len() == READ_STEP;
                for (_, record) in records {
                    bytes += record.len();
                    if bytes > max_bytes && !entries.is_empty() {
                        return Ok(entries);
                    }
                    let entry: Entry = decode(disk, &record)?;
                    next = entry.log_id.index + 1;
                    entries.push(entry);
                }
                if !full {
                    break;
                }
            }
            Ok(entries)
        });
        read.await.map_err(|error| StorageIOError::read_logs(AnyError::new(&error)).into())
    }
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, StorageError> {
        self.read(plain_range(&range), usize::MAX).await
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<Entry>, StorageError> {
        self.read(start..end, MAX_READ_BYTES).await
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, StorageError> {
        let read = self.writer.read(|disk| {
            let purged: Option<LogId> = get_meta(disk, PURGED)?;
            let last: Option<Entry> = disk.last(Space::Log)?.map(|(_, record)| decode(disk, &record)).transpose()?;
            Ok(LogState { last_purged_log_id: purged, last_log_id: last.map(|entry| entry.log_id).or(purged) })
        });
        read.await.map_err(|error| StorageIOError::read_logs(AnyError::new(&error)).into())
    }

    async fn get_log_reader(&mut self) -> Self::LogReader {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), StorageError> {
        let durability = if mutant!("vote_not_flushed") { Durability::Written } else { Durability::Sealed };
        let saved = self.writer.write(vec![put_meta(VOTE, vote)], durability).await;
        reached!("raft.vote_saved");
        saved.map_err(|error| StorageIOError::write_vote(AnyError::new(&error)).into())
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, StorageError> {
        let read = self.writer.read(|disk| get_meta(disk, VOTE)).await;
        read.map_err(|error| StorageIOError::read_vote(AnyError::new(&error)).into())
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), StorageError> {
        // Not flushed: a member that forgets it learns it again from the leader, and applies a little later.
        let saved = self.writer.write(vec![put_meta(COMMITTED, &committed)], Durability::Written).await;
        saved.map_err(write_failed)?;
        self.committed.fetch_max(committed.map_or(0, |id| id.index), Ordering::Relaxed);
        Ok(())
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, StorageError> {
        let read = self.writer.read(|disk| get_meta(disk, COMMITTED)).await;
        let committed: Option<LogId> = read.map_err(|error| StorageIOError::read(AnyError::new(&error)))?.flatten();
        self.committed.fetch_max(committed.map_or(0, |id| id.index), Ordering::Relaxed);
        Ok(committed)
    }

    async fn append<I>(&mut self, entries: I, callback: LogFlushed<TypeConfig>) -> Result<(), StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        self.shelf.purged().await.map_err(write_failed)?;
        let mut batch = Vec::new();
        for entry in entries {
            if let Some(level) = raised_by(&entry) {
                // With the entry itself: what comes behind it may be of that level, and a member that does not know it must not begin to read.
                batch.push(put_meta(LEVEL, &level));
            }
            let record = encode(&entry);
            let (key, bytes) = (log_key(entry.log_id.index), record.len());
            batch.push(Change::Put(Space::Log, key, record));
            self.sizes.push(entry.log_id.index, bytes);
            self.tail.push(entry, bytes);
        }
        let done = move |outcome: Result<(), DiskError>| {
            reached!("raft.append_flushed");
            callback.log_io_completed(outcome.map_err(io::Error::other));
        };
        let durability = if mutant!("append_not_flushed") { Durability::Written } else { Durability::Flushed };
        self.writer.submit(batch, durability, Box::new(done)).await.map_err(write_failed)?;
        reached!("raft.append_submitted");
        Ok(())
    }

    async fn truncate(&mut self, log_id: LogId) -> Result<(), StorageError> {
        self.tail.truncate(log_id.index);
        self.sizes.truncate(log_id.index);
        reached!("raft.truncating");
        if mutant!("truncation_dropped") {
            return Ok(());
        }
        let batch = vec![Change::Remove(Space::Log, log_range(log_id.index, None))];
        self.writer.write(batch, Durability::Sealed).await.map_err(write_failed)
    }

    async fn purge(&mut self, log_id: LogId) -> Result<(), StorageError> {
        self.tail.purge(log_id.index);
        self.sizes.purge(log_id.index);
        if !self.shelf.may_purge(log_id) {
            return Ok(());
        }
        reached!("raft.purging");
        // Not flushed: what comes back after a crash is purged again. The snapshot that covers it is flushed.
        self.writer.write(purge_changes(log_id), Durability::Written).await.map_err(write_failed)
    }
}

/// What removes the log up to and including `upto`.
pub(crate) fn purge_changes(upto: LogId) -> Vec<Change> {
    vec![put_meta(PURGED, &upto), Change::Remove(Space::Log, log_range(0, Some(upto.index + 1)))]
}

fn write_failed(error: DiskError) -> StorageError {
    StorageIOError::write_logs(AnyError::new(&error)).into()
}

fn plain_range(range: &impl RangeBounds<u64>) -> Range<u64> {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(last) => last.saturating_add(1),
        Bound::Excluded(end) => *end,
        Bound::Unbounded => u64::MAX,
    };
    start..end
}
