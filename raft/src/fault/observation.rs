//! What members promise, to each other and to those who write.

use crate::ids::ProxyId;

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
        /// Which.
        entries: Vec<EntryId>,
    },
    /// A leader tells a proposer that its command is committed: a majority must have it on disk.
    Acknowledged {
        /// The leader.
        member: ProxyId,
        /// The entry.
        index: u64,
    },
}
