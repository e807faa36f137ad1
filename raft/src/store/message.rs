//! What members say to each other. One postcard message each way; each variant has its number for good.

use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse, VoteRequest, VoteResponse,
};
use serde::{Deserialize, Serialize};

use super::hand_over::NotHandedOver;
use super::types::{LogId, TypeConfig};
use crate::command::{Answers, Proposal};
use crate::ids::{Epoch, Level, ProxyId};
use crate::membership::NotRemovable;

/// A request to another member.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// 0: `AppendEntries`, a heartbeat too.
    Append(AppendEntriesRequest<TypeConfig>),
    /// 1: `RequestVote`.
    Vote(VoteRequest<ProxyId>),
    /// 2: a piece of a snapshot.
    InstallSnapshot(InstallSnapshotRequest<TypeConfig>),
    /// 3: for the leader; who is not relays it, once.
    Leader(LeaderRequest),
    /// 4: for the leader, relayed by a member that is not; it goes no further.
    Relayed {
        /// Who asks.
        origin: ProxyId,
        /// What for.
        request: LeaderRequest,
    },
    /// 5: a sign of life is asked for.
    Ping,
    /// 6: the leader's: stand for election, if this is the last entry you have.
    Campaign(LogId),
    /// 7: `RequestVote` with the leader's consent: its lease is no reason to refuse.
    Succeed(VoteRequest<ProxyId>),
}

impl Request {
    /// The number of `Append`.
    pub(crate) const APPEND: u32 = 0;
    /// The number of `Leader`.
    pub(crate) const LEADER: u32 = 3;
    /// The number of `Relayed`.
    pub(crate) const RELAYED: u32 = 4;
    /// How many kinds this version knows; the golden bytes hold it to the declaration.
    pub(crate) const KINDS: u32 = 8;
    /// How many kinds of [`LeaderRequest`].
    pub(crate) const LEADER_KINDS: u32 = 5;
}

/// A request that only the leader can answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum LeaderRequest {
    /// 0: commit this.
    Propose(Proposal),
    /// 1: up to which entry must a member have applied to read everything that is committed now?
    ReadIndex,
    /// 2: renew the lease on this epoch.
    Renew(Epoch),
    /// 3: hand leadership over.
    HandOver {
        /// Who leads, as far as the asker knows: should it be another one by now, leadership was handed over.
        from: ProxyId,
        /// Who is to lead; whoever is best prepared if that is left open.
        to: Option<ProxyId>,
    },
    /// 4: may this proxy be removed?
    Remove(ProxyId),
}

/// The answer to a request.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Response {
    /// 0: to `Append`.
    Append(AppendEntriesResponse<ProxyId>),
    /// 1: to `Vote`.
    Vote(VoteResponse<ProxyId>),
    /// 2: to `InstallSnapshot`.
    InstallSnapshot(InstallSnapshotResponse<ProxyId>),
    /// 3: to `Leader` and `Relayed`.
    Leader(LeaderAnswer),
    /// 4: to any.
    Refused(Refusal),
    /// 5: to `Ping`.
    Pong,
    /// 6: to `Campaign`.
    Campaigning,
}

/// What the leader answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum LeaderAnswer {
    /// 0: committed and applied.
    Proposed {
        /// Where in the log.
        index: u64,
        /// What the table said.
        answers: Answers,
    },
    /// 1: the read index.
    ReadIndex(u64),
    /// 2: the lease runs on.
    Renewed,
    /// 3: the epoch is over.
    EpochOver,
    /// 4: who leads now, or why leadership was not handed over.
    HandedOver(Result<ProxyId, NotHandedOver>),
    /// 5: whether the proxy may be removed.
    Removable(Result<(), NotRemovable>),
}

/// Why a request was not carried out. It may be later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub(crate) enum Refusal {
    /// 0: this member does not lead, and knows nobody who does or could not reach it.
    #[error("not the leader")]
    NotLeader,
    /// 1: the leader could not confirm with a quorum in time.
    #[error("no quorum")]
    NoQuorum,
    /// 2: the member has stopped.
    #[error("the member has stopped")]
    Stopped,
    /// 3: the piece does not follow the last one; the snapshot begins anew.
    #[error("expected snapshot `{expected_id}` at {expected_offset}")]
    SnapshotMismatch {
        /// The snapshot that is being received.
        expected_id: String,
        /// Where the next piece begins.
        expected_offset: u64,
    },
    /// 4: whoever asks was removed from the cluster.
    #[error("removed from the cluster")]
    Removed,
    /// 5: a change that a proxy of the cluster does not know; the leader does not write it.
    #[error("the cluster is at feature level {cluster}, below that of the change")]
    AboveLevel {
        /// The level that the leader knows of.
        cluster: Level,
    },
    /// 6: a kind of request that this member's version does not know.
    #[error("an unknown request")]
    Unknown,
}
