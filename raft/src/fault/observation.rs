//! What members promise, to each other and to those who write.

use std::collections::BTreeSet;
use std::fmt;

use crate::ids::{Incarnation, ProxyId, Sequence};
use crate::names::AgentName;

/// An entry of the log: the term and the leader that made it, and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId {
    /// The term of its leader.
    pub term: u64,
    /// Its leader.
    pub leader: ProxyId,
    /// Its place.
    pub index: u64,
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of term {} under {}", self.index, self.term, self.leader)
    }
}

/// How a member stands, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stand {
    /// Who.
    pub member: ProxyId,
    /// How often its store was opened.
    pub opened: Incarnation,
    /// Its term.
    pub term: u64,
    /// Whether it leads in it.
    pub leads: bool,
    /// The last entry of its log; none is 0, as for the others.
    pub last: u64,
    /// The last that it has applied.
    pub applied: u64,
    /// The last that its snapshot covers.
    pub snapshot: u64,
    /// The last that is purged from its log.
    pub purged: u64,
}

/// A promise, told before it leaves whoever makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// A member gives its vote, or follows a leader: a vote as high as this one must be on its disk.
    Voted {
        /// Who.
        member: ProxyId,
        /// In which term.
        term: u64,
        /// For whom.
        candidate: ProxyId,
    },
    /// A member says that it has these entries: they must be on its disk.
    Appended {
        /// Who.
        member: ProxyId,
        /// The term of the leader that it says so to.
        term: u64,
        /// Which.
        entries: Vec<EntryId>,
    },
    /// A leader tells a proposer that its command is committed: a majority must have it on disk.
    Acknowledged {
        /// The leader.
        member: ProxyId,
        /// The entry.
        index: u64,
        /// Of whom it takes a majority: of both groups while the configuration changes.
        voters: Vec<BTreeSet<ProxyId>>,
    },
    /// A leader tells a follower that this entry is committed, and all before it.
    Committed {
        /// The leader.
        member: ProxyId,
        /// The entry.
        entry: EntryId,
    },
    /// A member shows the state that it has after this entry; two that show it after the same entry must show the same.
    Applied {
        /// Who.
        member: ProxyId,
        /// The last entry in it.
        entry: EntryId,
        /// A checksum of all of it.
        state: u32,
    },
    /// How a member stands has changed.
    Stands(Stand),
    /// An agent is about to be told that its route is committed.
    Welcomed {
        /// By whom.
        proxy: ProxyId,
        /// The agent.
        agent: AgentName,
        /// Its tunnel.
        sequence: Sequence,
        /// The entry that holds the route.
        index: u64,
    },
    /// A proxy is about to propose that the route of a tunnel be withdrawn, and no newer one.
    Withdrawing {
        /// Which.
        proxy: ProxyId,
        /// The agent.
        agent: AgentName,
        /// The newest tunnel that is meant.
        sequence: Sequence,
    },
    /// A proposal changes a table: no other one of its proposer that is as new has changed it before.
    Changing {
        /// Who proposes.
        proposer: ProxyId,
        /// In which life, and which of its proposals.
        this: (Incarnation, u64),
        /// The last one of its proposer that has changed that table.
        last: Option<(Incarnation, u64)>,
    },
}
