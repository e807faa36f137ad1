//! At which proxies the agents have their tunnels, and where they would have them under another strategy. Pure.

use std::collections::{BTreeMap, BTreeSet};

use warren_raft::{ProxyId, ProxyState, Table};

/// Agents that move together in the forecast, at most: with more agents than this several are placed at a time.
const STEPS: u64 = 1_024;

/// How many agents there are at each combination of proxies.
pub(in crate::proxy) type Placements = BTreeMap<BTreeSet<ProxyId>, u64>;

/// The proxies that take tunnels, and who has tunnels where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::proxy) struct Arrangement {
    /// The zones of the proxies that take tunnels.
    pub(in crate::proxy) takers: BTreeMap<ProxyId, String>,
    /// The agents that are online.
    pub(in crate::proxy) placements: Placements,
}

/// What agents would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::proxy) struct Forecast {
    /// Where they would be.
    pub(in crate::proxy) placements: Placements,
    /// How many tunnels they would open.
    pub(in crate::proxy) opened: u64,
    /// How many they would close.
    pub(in crate::proxy) closed: u64,
}

impl Arrangement {
    /// What a table knows.
    pub(in crate::proxy) fn of(table: &Table) -> Self {
        let takes = |id: ProxyId, proxy: &warren_raft::Proxy| {
            proxy.state() == ProxyState::Up && !proxy.removed && !table.is_draining(id) && !proxy.peer_address.is_empty()
        };
        let takers = table.proxies().filter(|(id, proxy)| takes(*id, proxy)).map(|(id, proxy)| (id, proxy.zone.clone()));
        Self { takers: takers.collect(), placements: table.placements() }
    }

    /// How many agents are online.
    pub(in crate::proxy) fn agents(&self) -> u64 {
        self.placements.values().sum()
    }

    /// Whether agents at these proxies have `wanted` tunnels and none that is to go.
    pub(in crate::proxy) fn is_settled(&self, proxies: &BTreeSet<ProxyId>, wanted: usize) -> bool {
        proxies.len() == wanted && proxies.iter().all(|proxy| self.takers.contains_key(proxy))
    }

    /// Where the agents may be expected once each has `wanted` tunnels. They choose among candidates by load and zone and move only what
    /// must move; with as little chance as here they end up about as evenly.
    pub(in crate::proxy) fn forecast(&self, wanted: usize) -> Forecast {
        let mut loads: BTreeMap<_, _> = self.takers.keys().map(|proxy| (*proxy, 0)).collect();
        for (proxies, agents) in &self.placements {
            for proxy in proxies {
                loads.entry(*proxy).and_modify(|load| *load += agents);
            }
        }
        let step = self.agents().div_ceil(STEPS).max(1);
        let mut forecast = Forecast::default();
        for (before, agents) in &self.placements {
            let mut left = *agents;
            while left > 0 {
                let moved = left.min(step);
                left -= moved;
                let after = self.settle(before, (wanted, moved), &mut loads);
                forecast.opened += after.difference(before).count() as u64 * moved;
                forecast.closed += before.difference(&after).count() as u64 * moved;
                *forecast.placements.entry(after).or_default() += moved;
            }
        }
        forecast
    }

    /// Where `agents` that are together now would be with `wanted` tunnels each.
    fn settle(&self, before: &BTreeSet<ProxyId>, (wanted, agents): (usize, u64), loads: &mut BTreeMap<ProxyId, u64>) -> BTreeSet<ProxyId> {
        let mut held: BTreeSet<_> = before.iter().filter(|proxy| self.takers.contains_key(proxy)).copied().collect();
        while held.len() < wanted {
            let free = loads.iter().filter(|(proxy, _)| !held.contains(proxy));
            let Some(proxy) = free.min_by_key(|(proxy, load)| (self.shares_zone(**proxy, &held), **load)).map(|(proxy, _)| *proxy) else {
                // Whoever finds no other proxy stays where it is.
                break;
            };
            held.insert(proxy);
            loads.entry(proxy).and_modify(|load| *load += agents);
        }
        while held.len() > wanted {
            let surplus = |proxy: &ProxyId| (self.shares_zone(*proxy, &held), loads.get(proxy).copied());
            let Some(proxy) = held.iter().max_by_key(|proxy| surplus(proxy)).copied() else { break };
            held.remove(&proxy);
            loads.entry(proxy).and_modify(|load| *load -= agents);
        }
        if held.is_empty() { before.clone() } else { held }
    }

    /// Whether one of the others is in the zone of `proxy`.
    fn shares_zone(&self, proxy: ProxyId, held: &BTreeSet<ProxyId>) -> bool {
        held.iter().any(|other| *other != proxy && self.takers.get(other) == self.takers.get(&proxy))
    }
}

/// How many tunnels there are at each proxy that has any.
pub(super) fn tunnels(placements: &Placements) -> BTreeMap<ProxyId, u64> {
    let mut tunnels = BTreeMap::new();
    for (proxies, agents) in placements {
        for proxy in proxies {
            *tunnels.entry(*proxy).or_default() += agents;
        }
    }
    tunnels
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An arrangement of proxies with these zones, from id 1 on, and of agents at these combinations of them.
    pub(in crate::proxy::strategy) fn arrangement(zones: &[&str], placements: &[(&[u64], u64)]) -> Arrangement {
        let ids = |ids: &[u64]| ids.iter().copied().map(ProxyId).collect();
        Arrangement {
            takers: (1..).map(ProxyId).zip(zones.iter().map(|zone| (*zone).to_owned())).collect(),
            placements: placements.iter().map(|(proxies, agents)| (ids(proxies), *agents)).collect(),
        }
    }

    /// Zones, who is where, how many tunnels each wants; how many there would be at each proxy, and how many are opened and closed.
    type Case<'a> = (&'a [&'a str], &'a [(&'a [u64], u64)], usize, (&'a [u64], u64, u64));

    #[test]
    fn what_must_move_moves_and_nothing_else() {
        let three = &["", "", ""][..];
        let table: &[Case] = &[
            (three, &[], 2, (&[], 0, 0)),
            (three, &[(&[1, 2, 3], 9)], 1, (&[3, 3, 3], 0, 18)),
            (three, &[(&[1], 9)], 3, (&[9, 9, 9], 18, 0)),
            (three, &[(&[1], 9)], 1, (&[9, 0, 0], 0, 0)),
            (three, &[(&[1], 3), (&[2], 3), (&[3], 3)], 2, (&[7, 6, 5], 9, 0)),
            (three, &[(&[1, 2], 4), (&[1], 4)], 1, (&[4, 4, 0], 0, 4)),
            // The second zone has one proxy, which gets them all.
            (&["a", "a", "b"], &[(&[1], 4)], 2, (&[4, 0, 4], 4, 0)),
            (&["a", "a", "b"], &[(&[1, 2, 3], 4)], 2, (&[2, 2, 4], 0, 4)),
            // One that takes no tunnels loses them, unless there is no other.
            (&["", ""], &[(&[2, 9], 2), (&[9], 2)], 1, (&[2, 2], 2, 4)),
            (&[], &[(&[9], 2)], 1, (&[], 0, 0)),
        ];
        for (zones, placements, wanted, (at, opened, closed)) in table {
            let forecast = arrangement(zones, placements).forecast(*wanted);
            let tunnels = tunnels(&forecast.placements);
            let found: Vec<_> = (1..=at.len() as u64).map(|id| tunnels.get(&ProxyId(id)).copied().unwrap_or_default()).collect();
            assert_eq!((&*found, forecast.opened, forecast.closed), (*at, *opened, *closed), "{placements:?} to {wanted}");
        }
    }

    fn arrangements() -> impl Strategy<Value = Arrangement> {
        let zones = proptest::collection::vec(proptest::sample::select(vec!["", "a", "b"]), 1..9);
        let combinations = proptest::collection::btree_map(proptest::collection::btree_set(1_u64..10, 1..9), 1_u64..3_000, 0..12);
        (zones, combinations).prop_map(|(zones, combinations)| {
            let placements: Vec<(Vec<u64>, u64)> =
                combinations.into_iter().map(|(ids, agents)| (ids.into_iter().collect(), agents)).collect();
            arrangement(&zones, &placements.iter().map(|(ids, agents)| (&**ids, *agents)).collect::<Vec<_>>())
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn everybody_gets_what_is_wanted_and_nobody_is_lost(arrangement in arrangements(), count in 1_usize..12) {
            let wanted = count.min(arrangement.takers.len());
            let forecast = arrangement.forecast(wanted);
            prop_assert_eq!(forecast.placements.values().sum::<u64>(), arrangement.agents());
            prop_assert!(forecast.placements.keys().all(|proxies| arrangement.is_settled(proxies, wanted)));
            let sum = |placements: &Placements| tunnels(placements).values().sum::<u64>();
            prop_assert_eq!(sum(&arrangement.placements) + forecast.opened, sum(&forecast.placements) + forecast.closed);
            let again = Arrangement { placements: forecast.placements.clone(), ..arrangement };
            prop_assert_eq!(again.forecast(wanted), Forecast { opened: 0, closed: 0, placements: forecast.placements });
        }

        #[test]
        fn what_everybody_opens_or_closes_is_spread(agents in 1_u64..100_000, proxies in 1_usize..20, count in 1_usize..20) {
            let (wanted, all): (_, Vec<_>) = (count.min(proxies), (1..=proxies as u64).collect());
            let zones = vec![""; proxies];
            let forecast = arrangement(&zones, &[(&all, agents)]).forecast(wanted);
            let (mean, step) = (agents * wanted as u64 / proxies as u64, agents.div_ceil(STEPS));
            for load in tunnels(&forecast.placements).values() {
                prop_assert!(load.abs_diff(mean) <= 2 * step, "{load} of {mean}");
            }
        }
    }
}
