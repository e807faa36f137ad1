//! What a snapshot holds.

use serde::{Deserialize, Serialize};

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

/// How a snapshot lies on the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Description {
    /// openraft's words for it.
    pub(crate) meta: SnapshotMeta,
    /// Which pieces are its own.
    pub(crate) generation: u64,
    /// How many there are.
    pub(crate) pieces: u32,
    /// CRC-32 of all of them together.
    pub(crate) checksum: u32,
}
