//! What openraft is instantiated with.

use serde::{Deserialize, Serialize};

use super::runtime::SeededRuntime;
use super::state::SnapshotData;
use crate::command::{Answers, Proposal};
use crate::ids::ProxyId;

openraft::declare_raft_types!(
    /// openraft's parameters for the routing store.
    pub(crate) TypeConfig:
        D = Proposal,
        R = Applied,
        NodeId = ProxyId,
        Node = Member,
        Entry = openraft::Entry<TypeConfig>,
        SnapshotData = SnapshotData,
        AsyncRuntime = SeededRuntime,
);

/// How a member is reached, kept in the log itself: a member finds its peers before it has applied anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    /// `HOST:PORT`, UDP.
    pub(crate) address: String,
}

/// What the table answered to an entry; empty for entries that are openraft's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Applied(pub(crate) Answers);

pub(crate) type Raft = openraft::Raft<TypeConfig>;
pub(crate) type Entry = openraft::Entry<TypeConfig>;
pub(crate) type LogId = openraft::LogId<ProxyId>;
pub(crate) type Vote = openraft::Vote<ProxyId>;
pub(crate) type Membership = openraft::StoredMembership<ProxyId, Member>;
pub(crate) type SnapshotMeta = openraft::SnapshotMeta<ProxyId, Member>;
pub(crate) type Snapshot = openraft::Snapshot<TypeConfig>;
pub(crate) type StorageError = openraft::StorageError<ProxyId>;
pub(crate) type Metrics = openraft::RaftMetrics<ProxyId, Member>;

impl std::fmt::Display for Proposal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{} of proxy {}: {} commands", self.incarnation, self.number, self.proposer, self.commands.len())
    }
}
