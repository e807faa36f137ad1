//! What happens to agents, and what they do about it.

use std::sync::Arc;
use std::time::Duration;

use rand::seq::IteratorRandom;
use warren_raft::ProxyId;

use super::cluster::View;
use super::queue::{Event, Try};
use super::world::ScaleWorld;
use crate::agent::Deed;

/// After how long nobody has answered a dial.
pub(super) const UNANSWERED: Duration = Duration::from_secs(3);

impl ScaleWorld {
    pub(super) fn look(&mut self, agent: u32) {
        if self.agents[agent as usize].look == Some(self.now) {
            self.agents[agent as usize].look = None;
            self.act(agent);
        }
    }

    pub(super) fn shaken(&mut self, attempt: Try) {
        let now = self.instant();
        self.proxy(attempt.proxy).door.shaken();
        if self.agents[attempt.agent as usize].core.met(attempt.sequence, attempt.proxy, now) {
            self.queue.push(self.later(self.setup.costs.one_way), Event::Hello(attempt));
        } else {
            self.tally.needless += 1;
        }
        self.act(attempt.agent);
    }

    pub(super) fn failed(&mut self, attempt: Try, retry_after: Option<Duration>) {
        let now = self.instant();
        self.agents[attempt.agent as usize].core.failed(attempt.sequence, retry_after, now);
        self.act(attempt.agent);
    }

    pub(super) fn welcome(&mut self, attempt: Try, view: &Arc<View>) {
        let now = self.instant();
        self.tell(attempt.agent, view);
        self.agents[attempt.agent as usize].core.welcomed(attempt.proxy, attempt.sequence, now);
        self.act(attempt.agent);
    }

    pub(super) fn retired(&mut self, attempt: Try) {
        self.agents[attempt.agent as usize].core.over(attempt.sequence);
        self.act(attempt.agent);
    }

    pub(super) fn silent(&mut self, attempt: Try) {
        self.agents[attempt.agent as usize].core.silent(attempt.proxy, attempt.sequence);
        self.act(attempt.agent);
    }

    pub(super) fn moved(&mut self, attempt: Try, to: Option<ProxyId>) {
        self.agents[attempt.agent as usize].core.asked(attempt.proxy, attempt.sequence, to);
        self.act(attempt.agent);
    }

    /// All agents of a proxy are told of the cluster.
    pub(super) fn news(&mut self, proxy: ProxyId, view: &Arc<View>) {
        let agents: Vec<_> = self.proxies[&proxy].tunnels.keys().copied().collect();
        self.tally.views += agents.len() as u64;
        self.tally.view_bytes += agents.len() as u64 * view.bytes;
        for agent in agents {
            if self.agents[agent as usize].told < view.index {
                self.tell(agent, view);
                self.act(agent);
            }
        }
    }

    fn tell(&mut self, agent: u32, view: &View) {
        let agent = &mut self.agents[agent as usize];
        if agent.told < view.index {
            agent.told = view.index;
            agent.core.told(&view.proxies, view.strategy);
        }
    }

    fn act(&mut self, agent: u32) {
        let now = self.instant();
        let deeds = self.agents[agent as usize].core.deeds(now);
        let arrives = self.later(self.setup.costs.one_way);
        for deed in deeds {
            match deed {
                Deed::Dial(sequence, Some(proxy)) => self.dial(Try { agent, sequence, proxy }),
                Deed::Dial(sequence, None) => {
                    let living = self.proxies.iter().filter(|(_, proxy)| proxy.lives).map(|(id, _)| *id);
                    let proxy = living.choose(&mut self.rng).unwrap_or(ProxyId(1));
                    self.dial(Try { agent, sequence, proxy });
                }
                Deed::Retire(proxy, sequence) => self.queue.push(arrives, Event::Retire(Try { agent, sequence, proxy })),
            }
        }
        self.sleep(agent);
    }

    fn dial(&mut self, attempt: Try) {
        self.tally.dials += 1;
        self.queue.push(self.later(self.setup.costs.one_way), Event::Knock(attempt));
    }

    /// Notes whether the agent is content, and when it looks again.
    fn sleep(&mut self, number: u32) {
        let now = self.instant();
        let agent = &mut self.agents[number as usize];
        // That a tunnel is gone it may not know yet.
        let is_settled = agent.core.is_settled(now) && agent.places.len() == agent.core.wanted();
        match (std::mem::replace(&mut agent.is_settled, is_settled), is_settled) {
            (false, true) => self.unsettled -= 1,
            (true, false) => self.unsettled += 1,
            (true, true) | (false, false) => {}
        }
        let next = agent.core.next_look(now).map(|at| self.now + super::queue::micros(at - now).max(1));
        if let Some(next) = next.filter(|next| !is_settled && agent.look.is_none_or(|look| look <= self.now || look > *next)) {
            agent.look = Some(next);
            self.queue.push(next, Event::Look(number));
        }
    }
}
