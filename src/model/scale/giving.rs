//! What proxies do about the tunnels that they have: drains and levelling.

use std::time::Duration;

use rand::Rng;
use warren_raft::{AgentName, ProxyId, StrategyKind, Table};

use super::queue::{Event, Try, micros};
use super::world::ScaleWorld;
use crate::proxy::handover::{Held, ModelledHandover, There};

/// How long a drain may take, as configured by default.
pub(super) const DRAIN: Duration = Duration::from_secs(30);
/// How often a proxy that drains looks.
pub(super) const STEP: Duration = Duration::from_millis(100);
/// How long from one look at the level to the next, in microseconds.
const PAUSE: std::ops::Range<u64> = 2_500_000..3_500_000;

impl ScaleWorld {
    /// A proxy that drains asks those whose turn it is.
    pub(super) fn hand_over(&mut self, id: ProxyId) {
        if !self.proxies[&id].lives || !self.table.is_draining(id) {
            return;
        }
        let (here, there, now) = (self.here(id), self.there(id), self.instant());
        let proxy = self.proxies.get_mut(&id).expect("it drains");
        let orders = proxy.handover.hand_over((&here, &elsewhere(&self.table, id)), &there, now);
        let tunnels: Vec<_> = self.proxies[&id].tunnels.iter().map(|(agent, sequence)| (*agent, *sequence)).collect();
        for (position, to) in orders {
            self.ask(id, tunnels[position], to);
        }
        if here.is_empty() && self.proxies[&id].is_leaving {
            return self.stop(id);
        }
        self.queue.push(self.later(STEP), Event::Drain(id));
    }

    /// How long a proxy with all these tunnels takes for one look of a drain, as `clock` has it, and how many they are. Nobody is asked.
    pub fn timed_drain_step(&self, id: ProxyId, clock: impl FnOnce(&mut dyn FnMut()) -> Duration) -> (usize, Duration) {
        let (now, mut handover) = (self.instant(), ModelledHandover::new(1));
        handover.drain(self.proxies[&id].tunnels.len(), DRAIN, now);
        let took = clock(&mut || {
            let (here, there) = (self.here(id), self.there(id));
            handover.hand_over((&here, &elsewhere(&self.table, id)), &there, now);
        });
        (self.proxies[&id].tunnels.len(), took)
    }

    /// A proxy looks whether it holds more than others.
    pub(super) fn level(&mut self, id: ProxyId) {
        self.level_later(id);
        if !self.may_level(id) {
            return;
        }
        let (there, mine) = (self.there(id), self.proxies[&id].tunnels.len() as u64);
        let loads: Vec<_> = there.iter().map(|proxy| proxy.load).chain([mine]).collect();
        // As it would decide itself, without a look at each of its tunnels.
        if ModelledHandover::is_level(&loads) {
            return;
        }
        let (here, now) = (self.here(id), self.instant());
        let zone = self.table.proxy(id).map(|proxy| proxy.zone.clone()).unwrap_or_default();
        let proxy = self.proxies.get_mut(&id).expect("it levels");
        let orders = proxy.handover.level(&zone, (&here, &elsewhere(&self.table, id)), &there, now);
        let tunnels: Vec<_> = self.proxies[&id].tunnels.iter().map(|(agent, sequence)| (*agent, *sequence)).collect();
        for (position, to) in orders {
            self.ask(id, tunnels[position], Some(to));
        }
    }

    pub(super) fn level_later(&mut self, id: ProxyId) {
        let at = self.now + self.rng.random_range(PAUSE);
        self.queue.push(at, Event::Level(id));
    }

    fn ask(&mut self, proxy: ProxyId, (agent, sequence): (u32, warren_raft::Sequence), to: Option<ProxyId>) {
        self.tally.asked += 1;
        let at = self.now + micros(self.setup.costs.one_way);
        self.queue.push(at, Event::Move(Try { agent, sequence, proxy }, to));
    }

    /// As in production: agents choose among proxies, and nothing else is going on.
    fn may_level(&self, id: ProxyId) -> bool {
        let others = self.proxies.keys().filter(|other| **other != id && self.is_open(**other)).count();
        let is_draining = self.table.routes_by_proxy().keys().any(|proxy| self.table.is_draining(*proxy));
        let is_choice = usize::try_from(self.setup.strategy.agent_connection_count).is_ok_and(|count| count <= others);
        self.proxies[&id].lives && self.setup.strategy.kind == StrategyKind::ProxyPeering && is_choice && !is_draining
    }

    fn is_open(&self, id: ProxyId) -> bool {
        self.table.epoch(id).is_some() && !self.table.is_draining(id)
    }

    fn here(&self, id: ProxyId) -> Vec<Held> {
        let here = |(agent, sequence): (&u32, &_)| Held { agent: self.agents[*agent as usize].name.clone(), sequence: *sequence };
        self.proxies[&id].tunnels.iter().map(here).collect()
    }

    fn there(&self, id: ProxyId) -> Vec<There> {
        let loads = self.table.routes_by_proxy();
        let others = self.table.proxies().filter(|(other, _)| *other != id && self.is_open(*other));
        others.map(|(id, proxy)| There { id, zone: proxy.zone.clone(), load: loads.get(&id).copied().unwrap_or_default() }).collect()
    }
}

/// At which other proxies than this one an agent has a route.
fn elsewhere(table: &Table, id: ProxyId) -> impl Fn(&AgentName) -> Vec<ProxyId> {
    move |agent| table.routes_of(agent).map(|route| route.proxy).filter(|proxy| *proxy != id).collect()
}
