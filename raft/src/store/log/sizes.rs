//! What the entries of the log take.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a record takes beside its value: its key, and what the database adds.
const OVERHEAD: u64 = 32;

/// What the entries of the log take, one by one. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Sizes(Arc<Mutex<Measured>>);

#[derive(Default)]
struct Measured {
    first: u64,
    sizes: VecDeque<u32>,
    bytes: u64,
}

/// A part of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    /// How many entries.
    pub(crate) entries: u64,
    /// What they take.
    pub(crate) bytes: u64,
}

impl Sizes {
    /// Forgets everything.
    pub(crate) fn clear(&self) {
        *self.lock() = Measured::default();
    }

    /// Adds an entry whose value has `bytes`; it must follow the last one.
    pub(crate) fn push(&self, index: u64, bytes: usize) {
        let mut measured = self.lock();
        if measured.first + measured.sizes.len() as u64 != index {
            *measured = Measured { first: index, ..Measured::default() };
        }
        let size = u32::try_from(bytes).unwrap_or(u32::MAX);
        measured.sizes.push_back(size);
        measured.bytes += taken(size);
    }

    /// Forgets the entries from `index` on.
    pub(crate) fn truncate(&self, index: u64) {
        let mut measured = self.lock();
        while measured.first + measured.sizes.len() as u64 > index {
            let Some(size) = measured.sizes.pop_back() else { return };
            measured.bytes -= taken(size);
        }
    }

    /// Forgets the entries up to `index`.
    pub(crate) fn purge(&self, index: u64) {
        let mut measured = self.lock();
        while measured.first <= index {
            let Some(size) = measured.sizes.pop_front() else { return };
            measured.first += 1;
            measured.bytes -= taken(size);
        }
    }

    /// The whole log.
    pub(crate) fn all(&self) -> Extent {
        let measured = self.lock();
        Extent { entries: measured.sizes.len() as u64, bytes: measured.bytes }
    }

    /// The part behind `index`.
    pub(crate) fn after(&self, index: u64) -> Extent {
        let measured = self.lock();
        let skipped = usize::try_from((index + 1).saturating_sub(measured.first)).unwrap_or(usize::MAX);
        let sizes = measured.sizes.iter().skip(skipped);
        sizes.fold(Extent::default(), |sum, size| Extent { entries: sum.entries + 1, bytes: sum.bytes + taken(*size) })
    }

    /// Up to where the log can be purged when of what a snapshot up to `covered` holds no more than this is to be kept.
    pub(crate) fn purgeable(&self, covered: u64, keep: Extent) -> Option<u64> {
        let measured = self.lock();
        let held = usize::try_from((covered + 1).checked_sub(measured.first)?).ok()?.min(measured.sizes.len());
        let mut kept = Extent::default();
        for (place, size) in measured.sizes.iter().enumerate().take(held).rev() {
            kept = Extent { entries: kept.entries + 1, bytes: kept.bytes + taken(*size) };
            if kept.entries > keep.entries || kept.bytes > keep.bytes {
                return Some(measured.first + place as u64);
            }
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, Measured> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn taken(size: u32) -> u64 {
    u64::from(size) + OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(entries: std::ops::Range<u64>) -> Sizes {
        let sizes = Sizes::default();
        entries.for_each(|index| sizes.push(index, 68));
        sizes
    }

    fn extent(entries: u64) -> Extent {
        Extent { entries, bytes: entries * 100 }
    }

    #[test]
    fn each_entry_counts_while_it_is_there() {
        let log = log(5..25);
        assert_eq!(log.all(), extent(20));
        log.truncate(22);
        log.purge(9);
        assert_eq!(log.all(), extent(12));
        for (index, entries) in [(0, 12), (9, 12), (10, 11), (20, 1), (21, 0), (99, 0)] {
            assert_eq!(log.after(index), extent(entries), "{index}");
        }
        log.purge(99);
        assert_eq!(log.all(), extent(0));
        log.push(100, 68);
        assert_eq!((log.all(), log.after(99), log.after(100)), (extent(1), extent(1), extent(0)));
        log.clear();
        assert_eq!(log.all(), extent(0));
    }

    #[test]
    fn as_much_is_kept_as_is_wanted() {
        let log = log(5..25);
        let keep = |entries, bytes| Extent { entries, bytes };
        for (covered, keep, upto) in [
            (20, keep(3, 9_999), Some(17)),
            (20, keep(0, 9_999), Some(20)),
            (20, keep(16, 9_999), None),
            (20, keep(99, 250), Some(18)),
            (24, keep(0, 0), Some(24)),
            (99, keep(0, 0), Some(24)),
            (4, keep(0, 0), None),
            (0, keep(0, 0), None),
        ] {
            assert_eq!(log.purgeable(covered, keep), upto, "{covered} {keep:?}");
        }
    }
}
