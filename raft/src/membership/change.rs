//! What can be done to the membership.

use std::collections::BTreeSet;
use std::fmt;

use crate::ids::ProxyId;

/// One change of the membership. The caller owes that it is carried out on the configuration it was proposed for, through a
/// joint configuration where voters change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Finish a change that an earlier leader, or an earlier try, has left between two configurations.
    Settle(BTreeSet<ProxyId>),
    /// A proxy becomes a learner.
    AddLearner(ProxyId, String),
    /// A member is reached elsewhere now.
    Readdress(ProxyId, String),
    /// A learner becomes a voter.
    Promote(ProxyId),
    /// A voter becomes a learner.
    Demote(ProxyId),
    /// A voter becomes a learner and a learner takes its place, in one step: there is never a voter more or less.
    Replace {
        /// The voter.
        voter: ProxyId,
        /// The learner.
        by: ProxyId,
    },
    /// A learner whose proxy was removed is a member no more.
    Forget(ProxyId),
    /// The record of a removed proxy that is no member any more leaves the table.
    Erase(ProxyId),
    /// The leader itself was removed: another voter is to lead, and to take care of the rest.
    HandOver(ProxyId),
}

impl Change {
    /// The voters after this change of these.
    pub fn voters(&self, mut voters: BTreeSet<ProxyId>) -> BTreeSet<ProxyId> {
        match self {
            Self::AddLearner(..) | Self::Readdress(..) | Self::Forget(_) | Self::Erase(_) | Self::HandOver(_) => {}
            Self::Settle(settled) => voters.clone_from(settled),
            Self::Promote(id) => drop(voters.insert(*id)),
            Self::Demote(id) => drop(voters.remove(id)),
            Self::Replace { voter, by } => {
                voters.remove(voter);
                voters.insert(*by);
            }
        }
        voters
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settle(voters) => {
                let voters: Vec<_> = voters.iter().map(ToString::to_string).collect();
                write!(f, "the change to the voters {} is finished", voters.join(", "))
            }
            Self::AddLearner(id, address) => write!(f, "proxy {id} at {address} becomes a learner"),
            Self::Readdress(id, address) => write!(f, "proxy {id} is reached at {address} now"),
            Self::Promote(id) => write!(f, "proxy {id} becomes a voter"),
            Self::Demote(id) => write!(f, "proxy {id} becomes a learner again"),
            Self::Replace { voter, by } => write!(f, "proxy {by} votes in place of proxy {voter}"),
            Self::Forget(id) => write!(f, "proxy {id} is a member no more"),
            Self::Erase(id) => write!(f, "the record of proxy {id} leaves the table"),
            Self::HandOver(id) => write!(f, "proxy {id} is to lead"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_in_plain_words() {
        let table = [
            (Change::Settle([ProxyId(1), ProxyId(3)].into()), "the change to the voters 1, 3 is finished"),
            (Change::AddLearner(ProxyId(2), "a:1".to_owned()), "proxy 2 at a:1 becomes a learner"),
            (Change::Replace { voter: ProxyId(1), by: ProxyId(4) }, "proxy 4 votes in place of proxy 1"),
            (Change::HandOver(ProxyId(2)), "proxy 2 is to lead"),
        ];
        for (change, text) in table {
            assert_eq!(change.to_string(), text);
        }
    }
}
