//! What a snapshot holds.

use crate::store::types::{LogId, Membership, SnapshotMeta};
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
    /// openraft's words for a snapshot of this.
    pub(crate) fn meta(&self) -> SnapshotMeta {
        SnapshotMeta {
            last_log_id: self.last_applied,
            last_membership: self.membership.clone(),
            // The state at one index is the same everywhere, and so is its snapshot.
            snapshot_id: self.last_applied.map_or_else(|| "empty".to_owned(), |id| id.to_string()),
        }
    }
}
