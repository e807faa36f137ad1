//! The newest table, for every reader of the process.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::table::Table;

/// The newest table and the index of the entry that made it.
pub(crate) struct Published {
    table: ArcSwap<Table>,
    applied: watch::Sender<u64>,
}

impl Default for Published {
    fn default() -> Self {
        Self { table: ArcSwap::default(), applied: watch::Sender::new(0) }
    }
}

impl Published {
    /// The newest table.
    pub(crate) fn table(&self) -> Arc<Table> {
        self.table.load_full()
    }

    /// The index of the last entry applied.
    pub(crate) fn applied(&self) -> watch::Receiver<u64> {
        self.applied.subscribe()
    }

    /// Shows a newer table; the table first, so that who sees the index sees the table too. An older one than is shown already is not:
    /// a member that opens its disk anew applies again what it had applied.
    pub(crate) fn publish(&self, table: &Table, applied: u64) {
        self.applied.send_if_modified(|shown| {
            let newer = applied > *shown;
            if newer {
                self.table.store(Arc::new(table.clone()));
                *shown = applied;
            }
            newer
        });
    }
}
