//! An agent without sockets and tasks: the production's cores, with what is between them and the network done by a model (`crate::model`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::time::Instant;
use warren_raft::{ProxyId, Sequence, Strategy};

use super::placement::{Hearing, Knowledge, Meeting, State, Step};
use super::ways::Ways;
use crate::wire::Member;

/// The agent.
#[derive(Debug)]
pub(crate) struct ModelledAgent {
    knowledge: Knowledge,
    ways: Ways,
    /// What is tried or held, by number: what it was meant for, and the proxy that answered.
    running: BTreeMap<Sequence, (Option<ProxyId>, Option<ProxyId>)>,
    last: Sequence,
    rng: StdRng,
}

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// It dials a proxy, or by an address of its configuration whichever is there.
    Dial(Sequence, Option<ProxyId>),
    /// It asks for the end of a tunnel.
    Retire(ProxyId, Sequence),
}

impl ModelledAgent {
    /// One that knows nothing but the addresses of its configuration.
    pub(crate) fn new(seed: u64) -> Self {
        let (knowledge, ways, running) = (Knowledge::default(), Ways::default(), BTreeMap::new());
        Self { knowledge, ways, running, last: Sequence(0), rng: StdRng::seed_from_u64(seed) }
    }

    /// A proxy has told it of the cluster.
    pub(crate) fn told(&mut self, proxies: &Arc<[Member]>, strategy: Strategy) {
        self.ways.forget_all_but(proxies);
        self.knowledge.learn(proxies.clone());
        self.knowledge.strategy = Some(strategy);
    }

    /// When it may do something by itself, if nothing happens before.
    pub(crate) fn next_look(&self, now: Instant) -> Option<Instant> {
        self.knowledge.next_change(now).into_iter().chain(self.ways.next_try(now)).min()
    }

    /// What it does now.
    pub(crate) fn deeds(&mut self, now: Instant) -> Vec<Deed> {
        let mut deeds = Vec::new();
        while let Some(step) = self.knowledge.next(&self.ways, now, &mut self.rng) {
            deeds.push(match step {
                Step::Open(member) => self.dial(Some(member.id), now),
                Step::Enter => self.dial(None, now),
                Step::Retire(proxy, sequence) => {
                    self.knowledge.retire(proxy);
                    Deed::Retire(proxy, sequence)
                }
            });
        }
        deeds
    }

    /// A proxy has answered a dial: whether that becomes a tunnel.
    pub(crate) fn met(&mut self, sequence: Sequence, proxy: ProxyId, now: Instant) -> bool {
        let is_taken = self.knowledge.met(sequence, proxy, now) == Meeting::Taken;
        if is_taken && let Some((_, met)) = self.running.get_mut(&sequence) {
            *met = Some(proxy);
        }
        if !is_taken {
            self.over(sequence);
        }
        is_taken
    }

    /// The route of a tunnel is committed.
    pub(crate) fn welcomed(&mut self, proxy: ProxyId, sequence: Sequence, now: Instant) {
        self.knowledge.stands(proxy, sequence, State::Up);
        self.ways.worked(Some(proxy), now);
    }

    /// A dial was in vain, or a tunnel was lost.
    pub(crate) fn failed(&mut self, sequence: Sequence, retry_after: Option<Duration>, now: Instant) {
        let known = self.running.get(&sequence).copied();
        let was_welcome = self.knowledge.tunnels.values().any(|held| held.sequence == sequence && held.state != State::Greeting);
        self.over(sequence);
        if let Some((aim, met)) = known {
            if !was_welcome {
                self.ways.tried_in_vain(now, &mut self.rng);
            }
            self.ways.failed(met.or(aim), ("model", retry_after), now, &mut self.rng);
        }
    }

    /// A tunnel that was retired is closed.
    pub(crate) fn over(&mut self, sequence: Sequence) {
        self.knowledge.ended(sequence);
        self.running.remove(&sequence);
    }

    /// Nothing comes over the tunnel to a proxy any more.
    pub(crate) fn silent(&mut self, proxy: ProxyId, sequence: Sequence) {
        self.knowledge.hears(proxy, sequence, Hearing::Silent);
    }

    /// A proxy asks for a tunnel to another one instead, or wherever to.
    pub(crate) fn asked(&mut self, proxy: ProxyId, sequence: Sequence, to: Option<ProxyId>) {
        match to {
            Some(to) => _ = self.knowledge.moves(proxy, sequence, to),
            None => self.knowledge.leaves(proxy, sequence),
        }
    }

    /// How many tunnels it wants.
    pub(crate) fn wanted(&self) -> usize {
        self.knowledge.wanted()
    }

    /// Whether it has what it wants, and nothing else.
    pub(crate) fn is_settled(&self, now: Instant) -> bool {
        let wanted = self.knowledge.wanted();
        let is_quiet = self.knowledge.attempts.is_empty() && self.knowledge.retiring.is_empty();
        is_quiet && self.knowledge.up(now) == wanted && self.knowledge.tunnels.len() == wanted
    }

    fn dial(&mut self, aim: Option<ProxyId>, now: Instant) -> Deed {
        self.last = Sequence(self.last.0 + 1);
        self.knowledge.begun(self.last, aim, now);
        self.running.insert(self.last, (aim, None));
        Deed::Dial(self.last, aim)
    }
}
