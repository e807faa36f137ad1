//! What can be done to the membership.

use std::collections::BTreeSet;

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
