//! What a recovery does, or has done.

use std::fmt;

use crate::ids::{ClusterId, ProxyId};
use crate::names::ProxyName;

/// What making a group of one of a survivor does, or has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The survivor.
    pub id: ProxyId,
    /// Its name.
    pub name: ProxyName,
    /// The cluster.
    pub cluster: ClusterId,
    /// The cluster's name.
    pub cluster_name: String,
    /// Whether the survivor took part in elections. One that did not may lag behind what was acknowledged further than one that did.
    pub vote: Vote,
    /// The last entry of the survivor's log. What the lost group acknowledged after it, unknown to the survivor, is lost.
    pub log_end: LogEnd,
    /// The entry with which the group of one begins.
    pub begins: LogEnd,
    /// Who voted in the lost group.
    pub voters: Vec<ProxyId>,
    /// The other proxies: they leave the cluster.
    pub dropped: Vec<Dropped>,
    /// How many valid routes end; agents that come back make new ones.
    pub routes: u64,
    /// How many agents stay enrolled.
    pub agents: u64,
    /// How many clients stay enrolled.
    pub clients: u64,
    /// How many tokens stay.
    pub tokens: u64,
}

/// Whether a member votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vote {
    /// It does.
    Voter,
    /// It does not.
    Learner,
}

/// A place in the log. Of two survivors the one whose end is greater knows more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogEnd {
    /// The term in which the entry was made.
    pub term: u64,
    /// Its index.
    pub index: u64,
}

/// A proxy that leaves the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Its id, which is never used again.
    pub id: ProxyId,
    /// Its name, which is free again.
    pub name: ProxyName,
}

impl fmt::Display for LogEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {} of term {}", self.index, self.term)
    }
}
