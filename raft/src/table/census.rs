//! How many agents and routes there are, counted as they change: nobody walks a million of them to draw a status page.
//!
//! Agents are counted by the epochs that their routes belong to. A route is valid while its epoch is a proxy's current one, so the end of
//! an epoch needs no count to be changed. There are as many counts as combinations of proxies that hold an agent together, at most
//! one per agent. Nothing of it is stored: it follows from the routes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use imbl::OrdMap;

use super::{Route, Table};
use crate::ids::{Epoch, ProxyId};

/// Agents with routes, by the epochs of these, in the order of their proxies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Census {
    combinations: OrdMap<Arc<[Epoch]>, u64>,
    /// Routes by epoch: what is asked for with every change of the table must not take as long as there are combinations.
    routes: OrdMap<Epoch, u64>,
}

/// What there is now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Agents with a valid route.
    pub agents_online: u64,
    /// Valid routes.
    pub routes: u64,
    /// Valid routes of each proxy that has any.
    pub routes_by_proxy: BTreeMap<ProxyId, u64>,
}

impl Census {
    /// An agent had these routes and has those.
    pub(super) fn moved(&mut self, before: &[Route], after: &[Route]) {
        let epochs = |routes: &[Route]| routes.iter().map(|route| route.epoch).collect::<Arc<[_]>>();
        if before.iter().map(|route| route.epoch).eq(after.iter().map(|route| route.epoch)) {
            return;
        }
        if !before.is_empty() {
            one_less(&mut self.combinations, &epochs(before));
        }
        if !after.is_empty() {
            *self.combinations.entry(epochs(after)).or_default() += 1;
        }
        before.iter().for_each(|route| one_less(&mut self.routes, &route.epoch));
        after.iter().for_each(|route| *self.routes.entry(route.epoch).or_default() += 1);
    }
}

/// Counts one down, and forgets what has come to nothing.
fn one_less<K: Ord + Clone>(counts: &mut OrdMap<K, u64>, key: &K) {
    let left = counts.get_mut(key).map(|count| {
        *count -= 1;
        *count
    });
    if left == Some(0) {
        counts.remove(key);
    }
}

impl Table {
    /// How many agents are online, and how many routes there are.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for (proxies, agents) in self.placements() {
            counts.agents_online += agents;
            for proxy in proxies {
                *counts.routes_by_proxy.entry(proxy).or_default() += agents;
                counts.routes += agents;
            }
        }
        counts
    }

    /// How many valid routes lead to each proxy that has any. It takes as long as there are proxies.
    pub fn routes_by_proxy(&self) -> BTreeMap<ProxyId, u64> {
        let routes = |(id, proxy): (ProxyId, &super::Proxy)| Some((id, *self.census.routes.get(&proxy.epoch?)?));
        self.proxies().filter_map(routes).collect()
    }

    /// How many agents have their valid routes at exactly these proxies, for each combination that there is. Agents that are not online are in
    /// none. It takes as long as there are combinations, however many agents there are.
    pub fn placements(&self) -> BTreeMap<BTreeSet<ProxyId>, u64> {
        let current: BTreeMap<Epoch, ProxyId> = self.proxies().filter_map(|(id, proxy)| Some((proxy.epoch?, id))).collect();
        let mut placements = BTreeMap::new();
        for (epochs, agents) in &self.census.combinations {
            let proxies: BTreeSet<_> = epochs.iter().filter_map(|epoch| current.get(epoch).copied()).collect();
            // Epochs that are over leave different combinations alike.
            if !proxies.is_empty() {
                *placements.entry(proxies).or_default() += agents;
            }
        }
        placements
    }
}
