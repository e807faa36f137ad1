//! What is done to a world.

use std::time::Duration;

use rand::Rng;
use warren_raft::{Command, Drain, Incarnation, ProxyId};

use super::batch::Waiting;
use super::cluster::{ScaledProxy, start};
use super::doors::CLOSED;
use super::queue::{Event, Try, micros};
use super::world::ScaleWorld;

/// Within how long agents notice that nothing comes any more, in microseconds: two signs of life.
const NOTICED: std::ops::Range<u64> = 1_700_000..3_200_000;
/// How long a proxy takes that was stopped and is started again.
const RESTART: Duration = Duration::from_secs(2);

impl ScaleWorld {
    /// A proxy is killed.
    pub fn kill(&mut self, id: ProxyId) {
        let proxy = self.proxy(id);
        proxy.lives = false;
        proxy.is_proposing = false;
        let tunnels = std::mem::take(&mut proxy.tunnels);
        let mut lanes = std::mem::take(&mut proxy.lanes);
        for (agent, sequence) in tunnels {
            let attempt = Try { agent, sequence, proxy: id };
            let noticed = self.now + self.rng.random_range(NOTICED);
            self.queue.push(noticed, Event::Silent(attempt));
            self.queue.push(self.later(CLOSED), Event::Failed(attempt));
            self.misses(agent, id);
        }
        loop {
            let waiting = lanes.next_batch();
            if waiting.is_empty() {
                break;
            }
            self.lost(waiting.into_iter().map(|waiting| (waiting.command, waiting.agent)));
        }
        let election = if id == self.leader { self.elect() } else { Duration::ZERO };
        self.queue.push(self.later(election + self.setup.costs.lease), Event::Expire(id));
    }

    /// A proxy that was killed starts again.
    pub fn revive(&mut self, id: ProxyId) {
        let (setup, now, seed) = (self.setup, self.instant(), self.rng.random());
        let proxy = self.proxy(id);
        *proxy = ScaledProxy { incarnation: Incarnation(proxy.incarnation.0 + 1), ..ScaledProxy::new(&setup, now, seed) };
        self.wait(id, Waiting::new(start(id, setup.zones), None));
    }

    /// A proxy is to give away what it has, until it is resumed.
    pub fn drain(&mut self, id: ProxyId) {
        self.say_drain(id, Drain::Ordered);
    }

    /// It is to drain no more.
    pub fn resume(&mut self, id: ProxyId) {
        self.wait(id, Waiting::new(Command::ResumeProxy { proxy: id }, None));
    }

    /// A proxy is told to stop: it drains first. It is to be revived once it has stopped.
    pub fn leave(&mut self, id: ProxyId) {
        let epoch = self.table.epoch(id).unwrap_or_default();
        self.proxy(id).is_leaving = true;
        self.say_drain(id, Drain::Leaving(epoch));
    }

    /// Lets time pass until a proxy holds nothing, and tells whether that is so within `limit`.
    pub fn empty(&mut self, id: ProxyId, limit: Duration) -> bool {
        let limit = self.now + micros(limit);
        while !self.proxies[&id].tunnels.is_empty() || (self.proxies[&id].is_leaving && self.proxies[&id].lives) {
            if self.now >= limit {
                return false;
            }
            self.pass(Duration::from_millis(100));
        }
        true
    }

    /// Stops each proxy in turn, starts it again, and waits until all agents are content. Tells whether all were each time.
    pub fn restart_all(&mut self, limit: Duration) -> bool {
        (1..=self.setup.proxies).map(ProxyId).all(|id| {
            self.leave(id);
            let is_empty = self.empty(id, limit);
            self.pass(RESTART);
            self.revive(id);
            self.pass(RESTART);
            is_empty && self.settle(limit).is_some()
        })
    }

    /// The power fails everywhere, and is back two seconds later: all tunnels are gone.
    pub fn lose_all(&mut self) {
        let all: Vec<_> = self.proxies.keys().copied().collect();
        all.iter().for_each(|id| self.kill(*id));
        self.pass(RESTART);
        all.iter().for_each(|id| self.revive(*id));
    }

    /// A proxy that is empty ends its epoch and goes.
    pub(super) fn stop(&mut self, id: ProxyId) {
        if id == self.leader {
            self.hand_on();
        }
        self.proxy(id).lives = false;
        self.expire(id);
    }

    /// The leader ends the epoch of a proxy that is gone.
    pub(super) fn expire(&mut self, id: ProxyId) {
        if let Some(epoch) = self.table.epoch(id).filter(|_| !self.proxies[&id].lives) {
            self.wait(self.leader, Waiting::new(Command::ExpireProxy { proxy: id, epoch }, None));
        }
    }

    /// Another proxy leads from now on, and nobody for a while.
    fn elect(&mut self) -> Duration {
        self.hand_on();
        let election = self.setup.costs.election;
        self.leader_free = self.later(election);
        election
    }

    fn hand_on(&mut self) {
        let heir = self.proxies.iter().find(|(id, proxy)| proxy.lives && **id != self.leader).map(|(id, _)| *id);
        self.leader = heir.unwrap_or(self.leader);
    }

    /// An agent has lost a tunnel.
    fn misses(&mut self, agent: u32, proxy: ProxyId) {
        let agent = &mut self.agents[agent as usize];
        agent.places.retain(|place| place.0 != proxy);
        agent.is_lacking = true;
        agent.is_adrift = agent.places.is_empty();
        if std::mem::take(&mut agent.is_settled) {
            // It does not know it yet.
            self.unsettled += 1;
        }
    }
}
