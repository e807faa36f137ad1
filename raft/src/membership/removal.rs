//! Whether a proxy may be removed at all.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::quorum::is_majority;
use crate::ids::ProxyId;

/// Why a proxy may not be removed now. Sent as its position in this declaration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum NotRemovable {
    /// 0: without it too few of the voters would be up.
    #[error("only {up} of the {voters} voters that would be left {} up: nothing could be recorded any more", if *.up == 1 { "is" } else { "are" })]
    NoMajority {
        /// Voters without it that are up.
        up: u64,
        /// Voters without it.
        voters: u64,
    },
}

/// Whether the group can still commit once this proxy votes no more, with the members that are up: by the voters that are left, or
/// with a learner in its seat.
///
/// # Errors
/// [`NotRemovable`]
pub fn may_remove(id: ProxyId, voters: &BTreeSet<ProxyId>, up: &BTreeSet<ProxyId>) -> Result<(), NotRemovable> {
    if !voters.contains(&id) {
        return Ok(());
    }
    let left: BTreeSet<_> = voters.iter().copied().filter(|voter| *voter != id).collect();
    let holds = |voters: BTreeSet<ProxyId>| !voters.is_empty() && is_majority(&[voters], up);
    let mut learners = up.difference(voters);
    if holds(left.clone()) || learners.any(|learner| holds(left.iter().copied().chain([*learner]).collect())) {
        return Ok(());
    }
    Err(NotRemovable::NoMajority { up: left.intersection(up).count() as u64, voters: left.len() as u64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who is to go, the voters, who is up, and how many of how many would be left where that is refused.
    type Case<'a> = (u64, &'a [u64], &'a [u64], Option<(u64, u64)>);

    #[test]
    fn what_is_left_must_be_able_to_commit() {
        let set = |ids: &[u64]| ids.iter().copied().map(ProxyId).collect::<BTreeSet<_>>();
        let table: &[Case] = &[
            (3, &[1, 2, 3], &[1, 2, 3], None),
            (3, &[1, 2, 3], &[1, 2], None),
            (2, &[1, 2, 3], &[1, 2], Some((1, 2))),
            (2, &[1, 2, 3], &[1, 2, 4], None),
            (1, &[1, 2], &[1, 2], None),
            (2, &[1, 2], &[1], None),
            (1, &[1], &[1], Some((0, 0))),
            (1, &[1], &[1, 2], None),
            (2, &[1], &[1], None),
            (5, &[1, 2, 3, 4, 5], &[1, 2, 5], Some((2, 4))),
            (4, &[1, 2, 3, 4, 5], &[1, 2, 5], None),
        ];
        for &(id, voters, up, refused) in table {
            let expected = refused.map(|(up, voters)| NotRemovable::NoMajority { up, voters });
            assert_eq!(may_remove(ProxyId(id), &set(voters), &set(up)).err(), expected, "{id} of {voters:?}, {up:?} up");
        }
    }
}
