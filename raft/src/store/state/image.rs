//! What a snapshot holds.

use openraft::EntryPayload;

use crate::store::types::{Applied, Entry, LogId, Membership, SnapshotMeta};
use crate::table::Table;

/// The whole applied state. Copies share the table's structure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Image {
    /// The last entry that was applied.
    pub(crate) last_applied: Option<LogId>,
    /// The last membership among the applied entries.
    pub(crate) membership: Membership,
    /// The table after that.
    pub(crate) table: Table,
}

impl Image {
    /// Applies the entry that follows the last one.
    pub(crate) fn apply(&mut self, entry: Entry) -> Applied {
        self.last_applied = Some(entry.log_id);
        match entry.payload {
            EntryPayload::Blank => Applied::default(),
            EntryPayload::Normal(proposal) => Applied(self.table.apply(&proposal)),
            EntryPayload::Membership(membership) => {
                self.membership = Membership::new(Some(entry.log_id), membership);
                Applied::default()
            }
        }
    }

    /// openraft's words for a snapshot of it. The state at one index is the same everywhere, and so is its snapshot.
    pub(crate) fn meta(&self) -> SnapshotMeta {
        SnapshotMeta {
            last_log_id: self.last_applied,
            last_membership: self.membership.clone(),
            snapshot_id: self.last_applied.map_or_else(|| "empty".to_owned(), |id| id.to_string()),
        }
    }
}
