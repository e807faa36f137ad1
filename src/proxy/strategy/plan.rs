//! What a change of strategy would do, before anything moves. Pure.

use std::collections::{BTreeMap, BTreeSet};

use warren_raft::{ProxyId, Strategy};

use super::arrangement::{Arrangement, Forecast, Placements, tunnels};
use super::gaps::Gaps;

/// What a change of strategy would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::proxy) struct Plan {
    /// How many tunnels each agent would hold.
    pub(in crate::proxy) wanted: usize,
    /// How many tunnels each proxy has.
    pub(in crate::proxy) now: BTreeMap<ProxyId, u64>,
    /// How many it would have.
    pub(in crate::proxy) then: BTreeMap<ProxyId, u64>,
    /// How many agents would have their only tunnel there.
    pub(in crate::proxy) alone: BTreeMap<ProxyId, u64>,
    /// How many agents would have all of their tunnels in each zone, where there are several.
    pub(in crate::proxy) zones: BTreeMap<String, u64>,
    /// How many tunnels would be opened.
    pub(in crate::proxy) opened: u64,
    /// How many would be closed.
    pub(in crate::proxy) closed: u64,
    /// What cannot be handed on, by where it enters.
    pub(in crate::proxy) cut_off: Vec<CutOff>,
}

/// A proxy through which some agents cannot be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::proxy) struct CutOff {
    /// The proxy where a dial enters.
    pub(in crate::proxy) through: ProxyId,
    /// The proxies that it cannot hand a dial on to.
    pub(in crate::proxy) beyond: BTreeSet<ProxyId>,
    /// How many agents are only there now.
    pub(in crate::proxy) now: u64,
    /// How many would be.
    pub(in crate::proxy) then: u64,
}

impl Plan {
    /// What `strategy` would do where things are so.
    pub(in crate::proxy) fn new(arrangement: &Arrangement, gaps: &Gaps, strategy: Strategy) -> Self {
        let wanted = strategy.wanted(arrangement.takers.len());
        let Forecast { placements, opened, closed } = arrangement.forecast(wanted);
        let ends: BTreeSet<_> = gaps.pairs().flat_map(|(a, b)| [a, b]).collect();
        let cut_off = ends.into_iter().map(|through| CutOff {
            through,
            beyond: gaps.beyond(through),
            now: gaps.cut_off(through, &arrangement.placements),
            then: gaps.cut_off(through, &placements),
        });
        Self {
            wanted,
            now: tunnels(&arrangement.placements),
            then: tunnels(&placements),
            alone: alone(&placements),
            zones: zones(&arrangement.takers, &placements),
            opened,
            closed,
            cut_off: cut_off.collect(),
        }
    }

    /// Whether agents that can be reached now could not be any more, through some proxy, with nothing failing.
    pub(in crate::proxy) fn cuts_off(&self) -> bool {
        self.cut_off.iter().any(|through| through.then > through.now)
    }
}

/// How many agents have all of their tunnels in each zone; nothing where there is one zone.
fn zones(takers: &BTreeMap<ProxyId, String>, placements: &Placements) -> BTreeMap<String, u64> {
    let mut zones: BTreeMap<_, _> = takers.values().map(|zone| (zone.clone(), 0)).collect();
    if zones.len() < 2 {
        return BTreeMap::new();
    }
    for (proxies, agents) in placements {
        let theirs: BTreeSet<_> = proxies.iter().filter_map(|proxy| takers.get(proxy)).collect();
        if let (Some(zone), 1) = (theirs.first(), theirs.len()) {
            zones.entry((*zone).clone()).and_modify(|count| *count += agents);
        }
    }
    zones
}

/// How many agents have their only tunnel at each proxy.
fn alone(placements: &Placements) -> BTreeMap<ProxyId, u64> {
    let only = |proxies: &BTreeSet<ProxyId>| proxies.first().copied().filter(|_| proxies.len() == 1);
    placements.iter().filter_map(|(proxies, agents)| Some((only(proxies)?, *agents))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
    use warren_raft::StrategyKind;

    use super::super::arrangement::tests::arrangement;
    use super::*;

    fn peering(agent_connection_count: u32) -> Strategy {
        Strategy { kind: StrategyKind::ProxyPeering, agent_connection_count }
    }

    fn gaps(pairs: &[(u64, u64)], proxies: u64) -> Gaps {
        let mut told: BTreeMap<_, _> = (1..=proxies).map(|id| (ProxyId(id), Vec::new())).collect();
        for (a, b) in pairs {
            told.entry(ProxyId(*a)).or_default().push(ProxyId(*b));
        }
        let up = told.keys().copied().collect();
        Gaps::told(&told, &up)
    }

    /// Who is where, the gaps, the count; whether the change cuts off, and how many agents would have one tunnel alone.
    type Case<'a> = (&'a [(&'a [u64], u64)], &'a [(u64, u64)], u32, bool, u64);

    #[test]
    fn a_change_is_told_by_what_it_would_cut_off() {
        let mesh = &[(&[1, 2, 3][..], 9)][..];
        let table: &[Case] = &[
            (mesh, &[], 1, false, 9),
            (mesh, &[], 2, false, 0),
            (mesh, &[(1, 2)], 1, true, 9),
            // Whoever is beyond one gap has another tunnel.
            (mesh, &[(1, 2)], 2, false, 0),
            (mesh, &[(1, 2), (1, 3)], 2, true, 0),
            // It is so already, and gets no worse.
            (&[(&[1], 3), (&[2], 3), (&[3], 3)], &[(1, 2)], 1, false, 9),
            (&[(&[1], 3), (&[2], 3), (&[3], 3)], &[(1, 2)], 2, false, 0),
        ];
        for (placements, pairs, count, cuts_off, single) in table {
            let plan = Plan::new(&arrangement(&["", "", ""], placements), &gaps(pairs, 3), peering(*count));
            assert_eq!(
                (plan.cuts_off(), plan.alone.values().sum::<u64>()),
                (*cuts_off, *single),
                "{placements:?} {pairs:?} {count}: {plan:?}"
            );
        }
    }

    #[test]
    fn the_loss_of_a_zone_is_a_failure_too() {
        let zones = |names: &[&str], count| {
            let plan = Plan::new(&arrangement(names, &[(&[1, 2, 3], 9)]), &gaps(&[], 3), peering(count));
            plan.zones.into_iter().collect::<Vec<_>>()
        };
        let told = |a, b| vec![("a".to_owned(), a), ("b".to_owned(), b)];
        assert_eq!(zones(&["a", "a", "b"], 2), told(0, 0));
        assert_eq!(zones(&["a", "a", "b"], 1).iter().map(|(_, agents)| agents).sum::<u64>(), 9);
        assert_eq!(zones(&["a", "a", "a"], 1), []);
    }

    #[test]
    fn a_mesh_needs_no_links() {
        let mesh = Strategy { kind: StrategyKind::AgentMesh, agent_connection_count: 1 };
        let plan = Plan::new(&arrangement(&["", "", ""], &[(&[1], 4), (&[2], 2)]), &gaps(&[(1, 2)], 3), mesh);
        assert_eq!((plan.wanted, plan.opened, plan.closed, plan.cuts_off()), (3, 12, 0, false));
        assert_eq!(
            plan.cut_off.iter().map(|through| (through.through.0, through.now, through.then)).collect::<Vec<_>>(),
            [(1, 2, 0), (2, 4, 0)]
        );
    }

    proptest! {
        #[test]
        fn enough_tunnels_bridge_any_gap(agents in 1_u64..500, proxies in 2_u64..9, count in 1_u32..9, pairs in any::<[(u8, u8); 4]>()) {
            let pairs: Vec<_> = pairs.iter().map(|(a, b)| (u64::from(*a) % proxies + 1, u64::from(*b) % proxies + 1)).collect();
            let all: Vec<_> = (1..=proxies).collect();
            let zones = vec![""; all.len()];
            let plan = Plan::new(&arrangement(&zones, &[(&all, agents)]), &gaps(&pairs, proxies), peering(count));
            for through in &plan.cut_off {
                prop_assert!(through.then <= agents);
                prop_assert_eq!(through.now, 0);
                if through.beyond.len() < plan.wanted {
                    prop_assert_eq!(through.then, 0);
                }
            }
            prop_assert_eq!(plan.then.values().sum::<u64>(), agents * plan.wanted as u64);
        }
    }
}
