//! What a member can say of itself and of the group.

use openraft::ServerState;

use super::types::{LogId, Metrics};
use crate::command::Accepted;
use crate::ids::{Epoch, ProxyId};

/// A command that is committed, and applied on this member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The log index it stands at.
    pub index: u64,
    /// What it did.
    pub answer: Accepted,
}

/// Whether this proxy may act for the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseState {
    /// It has an epoch and the leader renews it.
    Held(Epoch),
    /// It has never had one, or could not renew it in time.
    Lost,
}

/// What a member knows of the group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreStatus {
    /// This member.
    pub id: ProxyId,
    /// `leader`, `follower`, `candidate`, `learner` or `stopped`.
    pub state: &'static str,
    /// The leader, as far as it is known.
    pub leader: Option<ProxyId>,
    /// The current term.
    pub term: u64,
    /// The last entry in the log.
    pub last_log_index: u64,
    /// The last committed entry that this member knows of.
    pub committed_index: u64,
    /// The last entry applied to the table.
    pub applied_index: u64,
    /// The last entry in the snapshot.
    pub snapshot_index: u64,
    /// Members that vote.
    pub voters: Vec<ProxyId>,
    /// Whether a change of the voters is under way: until it is settled, a majority of those before it is needed too.
    pub is_changing: bool,
    /// Members that do not.
    pub learners: Vec<ProxyId>,
    /// On the leader: how many entries each other member lags behind. Empty elsewhere.
    pub lag: Vec<(ProxyId, u64)>,
}

impl StoreStatus {
    pub(crate) fn new(metrics: &Metrics, committed: u64, applied: u64) -> Self {
        let membership = metrics.membership_config.membership();
        let last = metrics.last_log_index.unwrap_or_default();
        let others = metrics.replication.iter().flatten().filter(|(id, _)| **id != metrics.id);
        Self {
            id: metrics.id,
            state: match metrics.state {
                ServerState::Learner => "learner",
                ServerState::Follower => "follower",
                ServerState::Candidate => "candidate",
                ServerState::Leader => "leader",
                ServerState::Shutdown => "stopped",
            },
            leader: metrics.current_leader,
            term: metrics.current_term,
            last_log_index: last,
            // What is applied is committed, whatever this member heard last.
            committed_index: committed.max(applied),
            applied_index: applied,
            snapshot_index: index(metrics.snapshot.as_ref()),
            voters: membership.voter_ids().collect(),
            is_changing: membership.get_joint_config().len() > 1,
            learners: membership.learner_ids().collect(),
            lag: others.map(|(id, matched)| (*id, last.saturating_sub(index(matched.as_ref())))).collect(),
        }
    }
}

fn index(id: Option<&LogId>) -> u64 {
    id.map_or(0, |id| id.index)
}
