//! What members say to each other. One postcard message each way; each variant has its number for good.

use bytes::Bytes;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, VoteRequest, VoteResponse};
use serde::{Deserialize, Serialize};

use super::hand_over::NotHandedOver;
use super::types::{LogId, TypeConfig, Vote};
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
    InstallSnapshot(SnapshotPiece),
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
    /// 8: the former leader's, whose disk takes no writes: stand for election, if you have this entry.
    Bequeath(LogId),
    /// 9: may the asker stand for election, or is there a leader? A sign of life as `Ping` is, from who has none; [`Refusal::Led`] from who has.
    PreVote,
}

impl Request {
    /// The number of `Append`.
    pub(crate) const APPEND: u32 = 0;
    /// The number of `Leader`.
    pub(crate) const LEADER: u32 = 3;
    /// The number of `Relayed`.
    pub(crate) const RELAYED: u32 = 4;
    /// How many kinds this version knows; the golden bytes hold it to the declaration.
    pub(crate) const KINDS: u32 = 10;
    /// How many kinds of [`LeaderRequest`].
    pub(crate) const LEADER_KINDS: u32 = 5;
}

/// A piece of a leader's snapshot.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SnapshotPiece {
    /// The leader's vote.
    pub(crate) vote: Vote,
    /// The last entry that the snapshot holds, which tells it from others.
    pub(crate) last: Option<LogId>,
    /// Which piece.
    pub(crate) number: u32,
    /// The piece, as the snapshot's format has it.
    pub(crate) piece: Bytes,
}

/// How far a snapshot has come.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SnapshotProgress {
    /// The receiver's vote; a higher one than the sender's says that it leads no more.
    pub(crate) vote: Vote,
    /// What the receiver has.
    pub(crate) received: Received,
}

/// What a receiver has of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Received {
    /// 0: all pieces before this one.
    Before(u32),
    /// 1: all of it, or a newer one, and on its disk.
    All,
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
    InstallSnapshot(SnapshotProgress),
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
    /// 3: the snapshot cannot be taken: it is damaged, or there is no room for it.
    #[error("the snapshot was not taken: {0}")]
    Snapshot(String),
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
    /// 7: there is a leader, as far as this member heard a moment ago: to `PreVote`.
    #[error("there is a leader")]
    Led,
}
