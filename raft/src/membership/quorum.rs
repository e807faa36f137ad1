//! Majorities.

use std::collections::BTreeSet;

use crate::ids::ProxyId;

/// Whether these members are a majority of the group, between two configurations of both.
pub fn is_majority(configurations: &[BTreeSet<ProxyId>], members: &BTreeSet<ProxyId>) -> bool {
    configurations.iter().all(|voters| voters.intersection(members).count() > voters.len() / 2)
}

/// How many more of the healthy voters may fail before nothing can be committed; `None` when nothing can be.
pub fn tolerates(voters: &BTreeSet<ProxyId>, healthy: &BTreeSet<ProxyId>) -> Option<usize> {
    voters.intersection(healthy).count().checked_sub(voters.len() / 2 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ids: &[u64]) -> BTreeSet<ProxyId> {
        ids.iter().copied().map(ProxyId).collect()
    }

    #[test]
    fn a_majority_is_one_of_both_configurations() {
        let table = [
            (vec![set(&[1])], set(&[1]), true),
            (vec![set(&[1, 2])], set(&[1]), false),
            (vec![set(&[1, 2, 3])], set(&[1]), false),
            (vec![set(&[1, 2, 3])], set(&[1, 3]), true),
            (vec![set(&[1, 2, 3])], set(&[1, 4, 5]), false),
            (vec![set(&[1]), set(&[1, 2])], set(&[1]), false),
            (vec![set(&[1, 2, 3]), set(&[3, 4, 5])], set(&[1, 2, 3, 4]), true),
        ];
        for (configurations, members, expected) in table {
            assert_eq!(is_majority(&configurations, &members), expected, "{configurations:?} {members:?}");
        }
    }

    #[test]
    fn what_is_tolerated() {
        let table = [
            (set(&[1]), set(&[1]), Some(0)),
            (set(&[1, 2]), set(&[1, 2]), Some(0)),
            (set(&[1, 2]), set(&[1, 3]), None),
            (set(&[1, 2, 3]), set(&[1, 2, 3, 4]), Some(1)),
            (set(&[1, 2, 3, 4]), set(&[1, 2, 3, 4]), Some(1)),
            (set(&[1, 2, 3, 4, 5]), set(&[1, 2, 3]), Some(0)),
        ];
        for (voters, healthy, expected) in table {
            assert_eq!(tolerates(&voters, &healthy), expected, "{voters:?} {healthy:?}");
        }
    }
}
