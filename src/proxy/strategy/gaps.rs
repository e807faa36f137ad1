//! Pairs of proxies that have no connection to each other. Pure.

use std::collections::{BTreeMap, BTreeSet};

use warren_raft::ProxyId;

use super::arrangement::Placements;

/// Between which proxies nothing can be handed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::proxy) struct Gaps(BTreeSet<(ProxyId, ProxyId)>);

impl Gaps {
    /// What the proxies say of each other, as far as it concerns those that are `up`. A link serves both ways: what one end lacks, the other
    /// lacks too. One that says nothing may be busy: those that do not reach it say so. One that says nothing and that nobody reaches is no
    /// gap: it is down, although nobody could record that yet.
    pub(in crate::proxy) fn told(told: &BTreeMap<ProxyId, Vec<ProxyId>>, up: &BTreeSet<ProxyId>) -> Self {
        let is_reached = |other: &ProxyId| told.values().any(|unreachable| !unreachable.contains(other));
        let is_up = |proxy: &ProxyId| up.contains(proxy) && (told.contains_key(proxy) || is_reached(proxy));
        let said = told.iter().flat_map(|(proxy, unreachable)| unreachable.iter().map(|other| (*proxy, *other)));
        let pairs = said.filter(|(a, b)| a != b && is_up(a) && is_up(b));
        Self(pairs.map(|(a, b)| (a.min(b), a.max(b))).collect())
    }

    /// Each pair once.
    pub(in crate::proxy) fn pairs(&self) -> impl Iterator<Item = (ProxyId, ProxyId)> {
        self.0.iter().copied()
    }

    /// The proxies that a dial which enters at `ingress` cannot be handed on to.
    pub(super) fn beyond(&self, ingress: ProxyId) -> BTreeSet<ProxyId> {
        let other = |(a, b): &(ProxyId, ProxyId)| match ingress {
            ingress if ingress == *a => Some(*b),
            ingress if ingress == *b => Some(*a),
            _ => None,
        };
        self.0.iter().filter_map(other).collect()
    }

    /// How many agents cannot be reached through `ingress`: all of their tunnels are beyond a gap.
    pub(super) fn cut_off(&self, ingress: ProxyId, placements: &Placements) -> u64 {
        let beyond = self.beyond(ingress);
        placements.iter().filter(|(proxies, _)| !proxies.is_empty() && proxies.is_subset(&beyond)).map(|(_, agents)| agents).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids<C: FromIterator<ProxyId>>(ids: &[u64]) -> C {
        ids.iter().copied().map(ProxyId).collect()
    }

    /// What each says that it does not reach, who is up, and the pairs.
    type Case<'a> = (&'a [(u64, &'a [u64])], &'a [u64], &'a [(u64, u64)]);

    #[test]
    fn one_side_is_enough_and_who_is_down_is_no_gap() {
        let table: &[Case] = &[
            (&[(1, &[]), (2, &[]), (3, &[])], &[1, 2, 3], &[]),
            (&[(1, &[]), (2, &[3]), (3, &[])], &[1, 2, 3], &[(2, 3)]),
            (&[(1, &[]), (2, &[3]), (3, &[2])], &[1, 2, 3], &[(2, 3)]),
            (&[(1, &[3]), (2, &[3])], &[1, 2], &[]),
            (&[(1, &[]), (2, &[])], &[1, 2, 3], &[]),
            (&[(1, &[]), (2, &[3])], &[1, 2, 3], &[(2, 3)]),
            (&[(1, &[1, 9]), (2, &[])], &[1, 2], &[]),
            // Killed a moment ago, or without a quorum to record it.
            (&[(1, &[2, 3])], &[1, 2, 3], &[]),
            (&[(1, &[3]), (2, &[3])], &[1, 2, 3], &[]),
        ];
        for (told, up, expected) in table {
            let told = told.iter().map(|(proxy, unreachable)| (ProxyId(*proxy), ids(unreachable))).collect();
            let pairs: Vec<_> = Gaps::told(&told, &ids(up)).pairs().map(|(a, b)| (a.0, b.0)).collect();
            assert_eq!(pairs, *expected, "{told:?}");
        }
    }

    #[test]
    fn an_agent_is_cut_off_when_all_of_its_tunnels_are_beyond() {
        let gaps = Gaps([(ProxyId(1), ProxyId(3)), (ProxyId(2), ProxyId(3))].into());
        let placements = [(ids(&[3]), 1), (ids(&[1, 2]), 10), (ids(&[2, 3]), 100), (ids(&[1]), 1_000)].into();
        let through = |id| gaps.cut_off(ProxyId(id), &placements);
        assert_eq!([through(1), through(2), through(3), through(4)], [1, 1, 1_010, 0]);
    }
}
