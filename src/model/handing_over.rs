//! What the proxies of a world do about the tunnels that they have: drains and levelling.

use std::collections::BTreeMap;
use std::time::Duration;

use warren_raft::{AgentName, ProxyId, StrategyKind};

use super::post::Letter;
use super::world::World;
use crate::proxy::handover::{Held, There};
use crate::wire::MemberState;

/// How long a drain may take, as configured by default.
const DRAIN: Duration = Duration::from_secs(30);
/// The rounds from one decision about the level to the next.
const LEVEL: u64 = 30;
/// The rounds after which a drained proxy stops.
const LIMIT: u64 = 400;

impl World {
    /// A proxy is to drain.
    pub(super) fn drain(&mut self, id: ProxyId) {
        let now = self.now;
        let proxy = self.proxies.get_mut(&id).expect("a proxy");
        proxy.state = MemberState::Draining;
        proxy.handover.drain(proxy.routes.len(), DRAIN, now);
        self.tell();
    }

    /// It is to drain no more.
    pub(super) fn resume(&mut self, id: ProxyId) {
        let proxy = self.proxies.get_mut(&id).expect("a proxy");
        proxy.state = MemberState::Up;
        proxy.handover.resume();
        self.tell();
    }

    /// A proxy is stopped and started again: it drains, and comes back without a tunnel.
    pub(super) fn restart(&mut self, id: ProxyId) {
        self.drain(id);
        let begun = self.round;
        while !self.proxies[&id].routes.is_empty() {
            assert!(self.round - begun < LIMIT, "{id} still has {} tunnels", self.proxies[&id].routes.len());
            self.pass();
        }
        self.revive(id);
    }

    /// Every proxy asks those that it has to ask.
    pub(super) fn hand_over(&mut self) {
        for id in self.proxies.keys().copied().collect::<Vec<_>>() {
            let proxy = &self.proxies[&id];
            if proxy.lives && proxy.state == MemberState::Draining {
                self.hand_over_from(id);
            } else if proxy.lives && self.levels && (self.round + id.0 * 7).is_multiple_of(LEVEL) && self.may_level() {
                self.level_from(id);
            }
        }
    }

    fn hand_over_from(&mut self, id: ProxyId) {
        let (agents, (here, others), there, now) = (self.agents_at(id), self.here(id), self.there(id), self.now);
        let elsewhere = |agent: &AgentName| others.get(agent).cloned().unwrap_or_default();
        let orders = self.proxies.get_mut(&id).expect("a proxy").handover.hand_over((&here, &elsewhere), &there, now);
        for (position, to) in orders {
            self.post.send(self.round + 1, Letter::Move(agents[position], here[position].sequence, id, to));
        }
    }

    fn level_from(&mut self, id: ProxyId) {
        let (agents, (here, others), there, now) = (self.agents_at(id), self.here(id), self.there(id), self.now);
        let elsewhere = |agent: &AgentName| others.get(agent).cloned().unwrap_or_default();
        let proxy = self.proxies.get_mut(&id).expect("a proxy");
        let zone = proxy.zone.clone();
        for (position, to) in proxy.handover.level(&zone, (&here, &elsewhere), &there, now) {
            self.post.send(self.round + 1, Letter::Move(agents[position], here[position].sequence, id, Some(to)));
        }
    }

    /// As in production: agents choose among proxies, and nothing else is going on.
    fn may_level(&self) -> bool {
        let takers = self.proxies.values().filter(|proxy| proxy.state == MemberState::Up).count();
        let is_draining = self.proxies.values().any(|proxy| proxy.state == MemberState::Draining && !proxy.routes.is_empty());
        let count = usize::try_from(self.strategy.agent_connection_count).unwrap_or(usize::MAX);
        self.strategy.kind == StrategyKind::ProxyPeering && count < takers && !is_draining
    }

    fn agents_at(&self, id: ProxyId) -> Vec<usize> {
        self.proxies[&id].routes.keys().copied().collect()
    }

    /// The tunnels of a proxy, and where else their agents are.
    fn here(&self, id: ProxyId) -> (Vec<Held>, BTreeMap<AgentName, Vec<ProxyId>>) {
        let name = |agent: usize| -> AgentName { format!("agent-{agent}").parse().expect("a name") };
        let held = |(agent, sequence): (&usize, &_)| Held { agent: name(*agent), sequence: *sequence };
        let others = |agent: &usize| (name(*agent), self.places_of(*agent).into_iter().filter(|place| *place != id).collect());
        let routes = &self.proxies[&id].routes;
        (routes.iter().map(held).collect(), routes.keys().map(others).collect())
    }

    fn there(&self, id: ProxyId) -> Vec<There> {
        let others = self.proxies.iter().filter(|(other, proxy)| **other != id && proxy.state == MemberState::Up);
        others.map(|(id, proxy)| There { id: *id, zone: proxy.zone.clone(), load: proxy.routes.len() as u64 }).collect()
    }
}
