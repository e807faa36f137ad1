//! The newest entries in memory, so that replicating them does not wait behind the disk.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::store::types::Entry;

/// Most bytes of entries, as they are on disk, that are kept.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// The end of the log, without a gap.
#[derive(Clone, Default)]
pub(crate) struct Tail(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    entries: VecDeque<(Entry, usize)>,
    bytes: usize,
}

impl Tail {
    /// Adds an entry whose record has `bytes`; it must follow the last one.
    pub(crate) fn push(&self, entry: Entry, bytes: usize) {
        let mut kept = self.lock();
        if kept.entries.back().is_some_and(|(last, _)| last.log_id.index + 1 != entry.log_id.index) {
            kept.entries.clear();
            kept.bytes = 0;
        }
        kept.entries.push_back((entry, bytes));
        kept.bytes += bytes;
        while kept.bytes > MAX_BYTES && kept.entries.len() > 1 {
            kept.drop_first();
        }
    }

    /// Forgets the entries from `index` on.
    pub(crate) fn truncate(&self, index: u64) {
        let mut kept = self.lock();
        while let Some((last, _)) = kept.entries.back() {
            if last.log_id.index < index {
                return;
            }
            if let Some((_, bytes)) = kept.entries.pop_back() {
                kept.bytes -= bytes;
            }
        }
    }

    /// Forgets the entries up to `index`.
    pub(crate) fn purge(&self, index: u64) {
        let mut kept = self.lock();
        while kept.entries.front().is_some_and(|(first, _)| first.log_id.index <= index) {
            kept.drop_first();
        }
    }

    /// The entries of the range with at most `max_bytes` together, but at least one; `None` when the first is not kept.
    pub(crate) fn get(&self, range: &Range<u64>, max_bytes: usize) -> Option<Vec<Entry>> {
        let kept = self.lock();
        let first = kept.entries.front()?.0.log_id.index;
        let skip = usize::try_from(range.start.checked_sub(first)?).ok()?;
        if skip >= kept.entries.len() {
            return None;
        }
        let mut sum = 0;
        let fitting = kept.entries.iter().skip(skip).take_while(|(entry, bytes)| {
            let is_first = sum == 0;
            sum += bytes;
            entry.log_id.index < range.end && (is_first || sum <= max_bytes)
        });
        Some(fitting.map(|(entry, _)| entry.clone()).collect())
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn drop_first(&mut self) {
        if let Some((_, bytes)) = self.entries.pop_front() {
            self.bytes -= bytes;
        }
    }
}
