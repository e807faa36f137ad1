//! `warren raft status`.

use std::fmt;

use serde::{Deserialize, Serialize};
use warren_raft::{ProxyId, ProxyName};

use super::Schema;

/// The asked proxy as a member of the Raft group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RaftView {
    /// 1.
    pub schema: Schema,
    /// Its id.
    pub id: ProxyId,
    /// What it is now.
    pub state: RaftState,
    /// Its term.
    pub term: u64,
    /// The last entry of its log.
    pub last_log_index: u64,
    /// The last entry it knows to be committed.
    pub committed_index: u64,
    /// The last entry it has applied.
    pub applied_index: u64,
    /// The last entry that its snapshot covers; `None` without one.
    pub snapshot_index: Option<u64>,
    /// Who votes.
    pub voters: Vec<ProxyId>,
    /// Who does not.
    pub learners: Vec<ProxyId>,
    /// The cluster's feature level: which changes may be written.
    #[serde(default)]
    pub feature_level: u64,
    /// The highest that this proxy knows.
    #[serde(default)]
    pub known_feature_level: u64,
    /// The proxies that do not know that one yet.
    #[serde(default)]
    pub held_back_by: Vec<ProxyName>,
}

/// What a member is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RaftState {
    /// It leads.
    Leader,
    /// It follows.
    Follower,
    /// It asks for votes.
    Candidate,
    /// It holds the log and does not vote.
    Learner,
    /// It has stopped for good.
    Shutdown,
}

impl fmt::Display for RaftState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Leader => "leader",
            Self::Follower => "follower",
            Self::Candidate => "candidate",
            Self::Learner => "learner",
            Self::Shutdown => "shutdown",
        })
    }
}
