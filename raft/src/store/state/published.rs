//! The newest table, for every reader of the process.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::store::types::LogId;
use crate::table::Table;

/// The newest table and the index of the entry that made it.
pub(crate) struct Published {
    table: ArcSwap<Table>,
    applied: watch::Sender<u64>,
    /// The entry that made the table; changed with the two others, under the lock of `applied`.
    last: Mutex<Option<LogId>>,
}

impl Default for Published {
    fn default() -> Self {
        Self { table: ArcSwap::default(), applied: watch::Sender::new(0), last: Mutex::default() }
    }
}

impl Published {
    /// The newest table.
    pub(crate) fn table(&self) -> Arc<Table> {
        self.table.load_full()
    }

    /// Looks into the newest table. Unlike [`table`](Self::table) it does not touch a counter that all threads share.
    pub(crate) fn with<R>(&self, look: impl FnOnce(&Table) -> R) -> R {
        look(&self.table.load())
    }

    /// The index of the last entry applied.
    pub(crate) fn applied(&self) -> watch::Receiver<u64> {
        self.applied.subscribe()
    }

    /// The newest table with the entry that made it.
    pub(crate) fn newest(&self) -> (Arc<Table>, Option<LogId>) {
        // While this is held nothing newer is shown.
        let _applied = self.applied.borrow();
        (self.table.load_full(), *self.last.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Shows a newer table; the table first, so that who sees the index sees the table too. An older one than is shown already is not:
    /// a member that opens its disk anew applies again what it had applied. Returns what was shown before.
    pub(crate) fn publish(&self, table: &Table, last: Option<LogId>) -> Option<Arc<Table>> {
        let mut replaced = None;
        let applied = last.map_or(0, |id| id.index);
        self.applied.send_if_modified(|shown| {
            let newer = applied > *shown;
            if newer {
                replaced = Some(self.table.swap(Arc::new(table.clone())));
                *self.last.lock().unwrap_or_else(PoisonError::into_inner) = last;
                *shown = applied;
            }
            newer
        });
        replaced
    }
}
