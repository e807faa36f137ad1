//! `warren raft recover`.

use serde::{Deserialize, Serialize};
use warren_raft::offline::{Recovery, Vote};
use warren_raft::{ProxyId, ProxyName};

use super::{ProxyRole, Schema};

/// What a recovery would do, or has done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryView {
    /// 1.
    pub schema: Schema,
    /// Whether it was done; otherwise nothing was changed.
    pub done: bool,
    /// The cluster's name.
    pub cluster: String,
    /// The cluster's id.
    pub cluster_id: String,
    /// The survivor's id.
    pub id: ProxyId,
    /// The survivor's name.
    pub name: ProxyName,
    /// What the survivor was in the lost group.
    pub role: ProxyRole,
    /// The term of the last entry of the survivor's log.
    pub last_log_term: u64,
    /// Its index. What the lost group acknowledged after it is lost.
    pub last_log_index: u64,
    /// The term in which the group of one begins.
    pub term: u64,
    /// The index with which it begins.
    pub index: u64,
    /// Who voted in the lost group.
    pub voters: Vec<ProxyId>,
    /// The proxies that leave the cluster.
    pub dropped: Vec<DroppedRow>,
    /// How many routes end.
    pub routes: u64,
    /// How many agents stay enrolled.
    pub agents: u64,
    /// How many clients stay enrolled.
    pub clients: u64,
    /// How many tokens stay.
    pub tokens: u64,
}

/// A proxy that leaves the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DroppedRow {
    /// Its id.
    pub id: ProxyId,
    /// Its name.
    pub name: ProxyName,
}

impl RecoveryView {
    /// What is planned.
    pub fn planned(recovery: Recovery) -> Self {
        Self {
            schema: Schema,
            done: false,
            cluster: recovery.cluster_name,
            cluster_id: recovery.cluster.to_string(),
            id: recovery.id,
            name: recovery.name,
            role: match recovery.vote {
                Vote::Voter => ProxyRole::Voter,
                Vote::Learner => ProxyRole::Learner,
            },
            last_log_term: recovery.log_end.term,
            last_log_index: recovery.log_end.index,
            term: recovery.begins.term,
            index: recovery.begins.index,
            voters: recovery.voters,
            dropped: recovery.dropped.into_iter().map(|dropped| DroppedRow { id: dropped.id, name: dropped.name }).collect(),
            routes: recovery.routes,
            agents: recovery.agents,
            clients: recovery.clients,
            tokens: recovery.tokens,
        }
    }

    /// What was done.
    pub fn done(recovery: Recovery) -> Self {
        Self { done: true, ..Self::planned(recovery) }
    }
}
