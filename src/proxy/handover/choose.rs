//! Where an agent's tunnel is to go: the least loaded proxy of another zone, and none that the agent holds already. Pure.

use std::collections::BTreeMap;

use warren_raft::{Proxy, ProxyId, ProxyState, Table};

/// The other proxies that take tunnels.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(BTreeMap<ProxyId, Place>);

/// A proxy that takes tunnels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Its zone.
    pub(super) zone: String,
    /// How many tunnels it holds, with those that were promised to it.
    pub(super) load: u64,
}

/// Whether a proxy takes tunnels from whoever comes: it is up, not draining, and agents can reach it.
pub(in crate::proxy) fn is_open(table: &Table, id: ProxyId, proxy: &Proxy) -> bool {
    proxy.state() == ProxyState::Up && !proxy.removed && !proxy.public_addresses.is_empty() && !table.is_draining(id)
}

impl Places {
    /// All but `me` that take tunnels.
    pub(super) fn new(table: &Table, me: ProxyId) -> Self {
        let loads = table.routes_by_proxy();
        let open = table.proxies().filter(|(id, proxy)| *id != me && is_open(table, *id, proxy));
        let place = |id: ProxyId, zone: &str| (id, Place { zone: zone.to_owned(), load: loads.get(&id).copied().unwrap_or_default() });
        Self(open.map(|(id, proxy)| place(id, &proxy.zone)).collect())
    }

    /// Counts a tunnel that is on its way to `proxy`.
    pub(super) fn promise(&mut self, proxy: ProxyId) {
        if let Some(place) = self.0.get_mut(&proxy) {
            place.load += 1;
        }
    }

    /// The best place for a tunnel of an agent that has tunnels at `held`, and must not go to `failed`; it is promised to it.
    pub(super) fn choose(&mut self, held: &[ProxyId], failed: &[ProxyId]) -> Option<ProxyId> {
        let zones: Vec<_> = held.iter().filter_map(|proxy| Some(self.0.get(proxy)?.zone.clone())).collect();
        let free = self.0.iter().filter(|(id, _)| !held.contains(id) && !failed.contains(id));
        let (best, _) = free.min_by_key(|(_, place)| (zones.contains(&place.zone), place.load))?;
        let best = *best;
        self.promise(best);
        Some(best)
    }

    /// Whether a tunnel that an agent has in `zone` may go to `to`, if it has others at `held`: its tunnels must not be in fewer zones than before.
    pub(super) fn keeps_zones_apart(&self, zone: &str, held: &[ProxyId], to: ProxyId) -> bool {
        let zones: Vec<_> = held.iter().filter_map(|proxy| Some(self.0.get(proxy)?.zone.as_str())).collect();
        self.0.get(&to).is_some_and(|place| !held.contains(&to) && (!zones.contains(&place.zone.as_str()) || zones.contains(&zone)))
    }

    /// Which they are.
    pub(super) fn ids(&self) -> Vec<ProxyId> {
        self.0.keys().copied().collect()
    }

    /// How many tunnels each holds, by proxy.
    pub(super) fn loads(&self) -> Vec<(ProxyId, u64)> {
        self.0.iter().map(|(id, place)| (*id, place.load)).collect()
    }
}

#[cfg(any(test, simulation))]
impl FromIterator<(ProxyId, Place)> for Places {
    fn from_iter<I: IntoIterator<Item = (ProxyId, Place)>>(places: I) -> Self {
        Self(places.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Proxies from 2 on, with their zones and loads.
    fn places(of: &[(&str, u64)]) -> Places {
        (2..).zip(of).map(|(id, (zone, load))| (ProxyId(id), Place { zone: (*zone).to_owned(), load: *load })).collect()
    }

    fn check(of: &[(&str, u64)], held: &[u64], failed: &[u64], expected: Option<u64>) {
        let ids = |ids: &[u64]| ids.iter().map(|id| ProxyId(*id)).collect::<Vec<_>>();
        assert_eq!(places(of).choose(&ids(held), &ids(failed)), expected.map(ProxyId), "{of:?} held {held:?} failed {failed:?}");
    }

    #[test]
    fn least_loaded_in_another_zone_and_not_held() {
        let one_zone = [("", 5), ("", 3), ("", 4)];
        check(&one_zone, &[], &[], Some(3));
        check(&one_zone, &[3], &[], Some(4));
        check(&one_zone, &[3], &[4], Some(2));
        check(&one_zone, &[2, 3, 4], &[], None);
        check(&[], &[], &[], None);
        let zones = [("a", 1), ("a", 2), ("b", 90)];
        check(&zones, &[], &[], Some(2));
        check(&zones, &[2], &[], Some(4));
        check(&zones, &[2, 4], &[], Some(3));
        // A tunnel at a proxy that takes none, as a draining one, keeps nobody from its zone.
        check(&zones, &[7], &[], Some(2));
    }

    #[test]
    fn levelling_leaves_the_zones_of_an_agent_apart() {
        let zones = places(&[("a", 1), ("b", 1), ("b", 1)]);
        let table: [(&str, &[u64], u64, bool); 6] = [
            ("a", &[], 3, true),
            ("a", &[3], 2, true),
            ("a", &[3], 4, false),
            ("b", &[3], 4, true),
            ("b", &[3], 3, false),
            ("a", &[], 9, false),
        ];
        for (from, held, to, expected) in table {
            let held: Vec<_> = held.iter().map(|id| ProxyId(*id)).collect();
            assert_eq!(zones.keeps_zones_apart(from, &held, ProxyId(to)), expected, "from {from} to {to} beside {held:?}");
        }
    }

    proptest! {
        /// What is promised counts: whatever the loads are, those who are given away end up level above what was there.
        #[test]
        fn fills_up_from_below(loads in proptest::collection::vec(0_u64..200, 1..12), moving in 0_usize..500) {
            let of: Vec<_> = loads.iter().map(|load| ("", *load)).collect();
            let mut places = places(&of);
            for _ in 0..moving {
                prop_assert!(places.choose(&[], &[]).is_some());
            }
            let after: Vec<_> = places.loads().into_iter().map(|(_, load)| load).collect();
            prop_assert_eq!(after.iter().sum::<u64>(), loads.iter().sum::<u64>() + moving as u64);
            // Nobody that was given one has more than one above the least.
            let least = after.iter().min().copied().unwrap_or_default();
            for (before, after) in loads.iter().zip(&after) {
                prop_assert!(after == before || *after <= least + 1);
            }
        }
    }
}
