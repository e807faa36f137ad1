//! A cluster and its agents.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IteratorRandom;
use rand::{Rng, SeedableRng};
use tokio::time::Instant;
use warren_raft::{ProxyId, Sequence, Strategy};

use super::post::{Letter, Post};
use super::proxies::ModelledProxy;
use crate::agent::{Deed, ModelledAgent};
use crate::wire::{ClusterView, MemberState};

/// How long a round is.
const ROUND: Duration = Duration::from_millis(100);
/// The rounds after which nobody has answered a dial.
const UNANSWERED: u64 = 30;
/// The rounds until the table says that a dead proxy is down: its lease.
const LEASE: u64 = 30;
/// The rounds within which agents notice that nothing comes any more: two signs of life.
const NOTICED: std::ops::Range<u64> = 17..32;
/// The rounds until a silent tunnel is closed.
const CLOSED: u64 = 80;
/// The rounds after which a refused agent may come again.
const RETRY: std::ops::Range<u32> = 10..50;

/// How late agents are told how many tunnels each proxy holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Late {
    /// Rounds from one figure to the next.
    pub(super) rounds: u64,
}

impl Late {
    /// Every figure is that of the round.
    pub(super) const NOT: Self = Self { rounds: 1 };
    /// The figure is up to half a minute old.
    pub(super) const HALF_A_MINUTE: Self = Self { rounds: 300 };
}

/// The world.
#[derive(Debug)]
pub(super) struct World {
    pub(super) now: Instant,
    pub(super) round: u64,
    rng: StdRng,
    pub(super) strategy: Strategy,
    late: Late,
    pub(super) proxies: BTreeMap<ProxyId, ModelledProxy>,
    /// The tunnels at each proxy as agents are told.
    told: BTreeMap<ProxyId, u64>,
    agents: Vec<ModelledAgent>,
    /// Those to whom something has happened.
    awake: Vec<bool>,
    pub(super) post: Post,
    /// Whether proxies that have more than others give some away.
    pub(super) levels: bool,
    /// How many tunnels were opened so far.
    pub(super) opened: usize,
}

impl World {
    /// Proxies in these zones, and no agent.
    pub(super) fn new(zones: &[&str], strategy: Strategy, (late, seed): (Late, u64)) -> Self {
        let mut world = Self {
            now: Instant::now(),
            round: 0,
            rng: StdRng::seed_from_u64(seed),
            strategy,
            late,
            proxies: BTreeMap::new(),
            told: BTreeMap::new(),
            agents: Vec::new(),
            awake: Vec::new(),
            post: Post::default(),
            levels: false,
            opened: 0,
        };
        zones.iter().for_each(|zone| world.add_proxy(zone));
        world
    }

    /// So many agents arrive at once; each enters by whichever proxy there is.
    pub(super) fn add_agents(&mut self, count: usize) {
        for _ in 0..count {
            self.agents.push(ModelledAgent::new(self.rng.random()));
            self.awake.push(true);
        }
    }

    /// One more proxy starts.
    pub(super) fn add_proxy(&mut self, zone: &str) {
        let id = ProxyId(self.proxies.len() as u64 + 1);
        self.proxies.insert(id, ModelledProxy::new(zone, self.rng.random()));
        self.tell();
    }

    /// A proxy dies.
    pub(super) fn kill(&mut self, id: ProxyId) {
        let proxy = self.proxies.get_mut(&id).expect("a proxy");
        proxy.lives = false;
        for (agent, sequence) in proxy.routes.clone() {
            let noticed = self.round + self.rng.random_range(NOTICED);
            self.post.send(noticed, Letter::Silence(agent, sequence, id));
            self.post.send(self.round + CLOSED, Letter::Failure(agent, sequence));
        }
        self.post.send(self.round + LEASE, Letter::Expiry(id));
    }

    /// A proxy that was dead starts again.
    pub(super) fn revive(&mut self, id: ProxyId) {
        let zone = self.proxies[&id].zone.clone();
        self.proxies.insert(id, ModelledProxy::new(&zone, self.rng.random()));
        self.tell();
    }

    /// The strategy is another one.
    pub(super) fn set_strategy(&mut self, strategy: Strategy) {
        self.strategy = strategy;
        self.tell();
    }

    /// Lets time pass until every agent has what it wants and nothing is on its way, and tells how many rounds that took.
    pub(super) fn settle(&mut self, limit: u64) -> u64 {
        let begun = self.round;
        while !self.is_settled() {
            assert!(self.round - begun < limit, "not settled within {limit} rounds: {:?}", self.loads());
            self.pass();
        }
        self.check_settled();
        self.round - begun
    }

    /// How many tunnels each proxy has that takes some.
    pub(super) fn loads(&self) -> Vec<u64> {
        self.up().map(|proxy| proxy.routes.len() as u64).collect()
    }

    /// The most tunnels of a proxy beside the mean of its zone: where an agent is to be in each zone, a zone with fewer proxies has more of them.
    pub(super) fn skew(&self) -> f64 {
        let of_zone = |proxy: &ModelledProxy| {
            let loads: Vec<_> = self.up().filter(|other| other.zone == proxy.zone).map(|other| other.routes.len() as f64).collect();
            proxy.routes.len() as f64 * loads.len() as f64 / loads.iter().sum::<f64>().max(1.0)
        };
        self.up().map(of_zone).fold(0.0, f64::max)
    }

    fn up(&self) -> impl Iterator<Item = &ModelledProxy> {
        self.proxies.values().filter(|proxy| proxy.state == MemberState::Up)
    }

    /// The proxies that an agent has tunnels to.
    pub(super) fn places_of(&self, agent: usize) -> Vec<ProxyId> {
        let holding = self.proxies.iter().filter(|(_, proxy)| proxy.routes.contains_key(&agent));
        holding.map(|(id, _)| *id).collect()
    }

    /// How many agents there are.
    pub(super) fn agents(&self) -> usize {
        self.agents.len()
    }

    /// One round.
    pub(super) fn pass(&mut self) {
        self.round += 1;
        self.now += ROUND;
        if self.round.is_multiple_of(self.late.rounds) {
            self.count();
        }
        self.proxies.values_mut().for_each(ModelledProxy::begin_round);
        for letter in self.post.arrive(self.round) {
            self.deliver(letter);
        }
        self.hand_over();
        for agent in 0..self.agents.len() {
            if self.awake[agent] {
                self.act(agent);
            }
        }
    }

    fn act(&mut self, agent: usize) {
        for deed in self.agents[agent].deeds(self.now) {
            match deed {
                Deed::Dial(sequence, aim) => self.dial(agent, sequence, aim),
                Deed::Retire(proxy, sequence) => self.retire(agent, proxy, sequence),
            }
        }
        self.awake[agent] = !self.agents[agent].is_settled(self.now);
    }

    fn dial(&mut self, agent: usize, sequence: Sequence, aim: Option<ProxyId>) {
        let living = self.proxies.iter().filter(|(_, proxy)| proxy.lives).map(|(id, _)| *id);
        match aim.or_else(|| living.choose(&mut self.rng)) {
            Some(proxy) => self.post.send(self.round + 1, Letter::Dial(agent, sequence, proxy)),
            None => self.post.send(self.round + UNANSWERED, Letter::Failure(agent, sequence)),
        }
    }

    /// An agent gives up a tunnel: never before it has as many others as it wants, as far as the table knows.
    fn retire(&mut self, agent: usize, proxy: ProxyId, sequence: Sequence) {
        // That one of them has died in this moment nobody can know yet.
        let others = self.places_of(agent).into_iter().filter(|place| *place != proxy).count();
        let wanted = self.agents[agent].wanted();
        assert!(others >= wanted, "agent {agent} gives up its tunnel to {proxy} with {others} others of {wanted}");
        self.post.send(self.round + 1, Letter::Retire(agent, sequence, proxy));
    }

    fn deliver(&mut self, letter: Letter) {
        let (next, now) = (self.round + 1, self.now);
        match letter {
            Letter::Dial(agent, sequence, proxy) => self.dialled(agent, sequence, proxy),
            Letter::Welcome(agent, sequence, proxy) => {
                let view = self.view();
                let agent = self.wake(agent);
                agent.told(&view.proxies.into(), view.strategy);
                agent.welcomed(proxy, sequence, now);
            }
            Letter::Refusal(agent, sequence, retry_after) => self.wake(agent).failed(sequence, Some(retry_after), now),
            Letter::Failure(agent, sequence) => self.wake(agent).failed(sequence, None, now),
            Letter::Retire(agent, sequence, proxy) => {
                self.withdraw(agent, sequence, proxy);
                self.post.send(next, Letter::Retired(agent, sequence));
            }
            Letter::Retired(agent, sequence) => self.wake(agent).over(sequence),
            Letter::Silence(agent, sequence, proxy) => self.wake(agent).silent(proxy, sequence),
            Letter::Move(agent, sequence, proxy, to) => self.wake(agent).asked(proxy, sequence, to),
            Letter::News(agent, view) => self.wake(agent).told(&view.proxies.into(), view.strategy),
            Letter::Expiry(id) => {
                let proxy = self.proxies.get_mut(&id).expect("a proxy");
                // It may have started again.
                if !proxy.lives {
                    (proxy.state, proxy.routes) = (MemberState::Down, BTreeMap::new());
                    self.tell();
                }
            }
        }
    }

    fn dialled(&mut self, agent: usize, sequence: Sequence, id: ProxyId) {
        let proxy = self.proxies.get_mut(&id).expect("a proxy");
        if !proxy.lives {
            return self.post.send(self.round + UNANSWERED, Letter::Failure(agent, sequence));
        }
        if !proxy.admits() {
            let retry_after = ROUND * self.rng.random_range(RETRY);
            return self.post.send(self.round + 1, Letter::Refusal(agent, sequence, retry_after));
        }
        let now = self.now;
        if self.wake(agent).met(sequence, id, now) {
            self.proxies.get_mut(&id).expect("a proxy").routes.insert(agent, sequence);
            self.opened += 1;
            self.post.send(self.round + 1, Letter::Welcome(agent, sequence, id));
        }
    }

    fn withdraw(&mut self, agent: usize, sequence: Sequence, proxy: ProxyId) {
        let routes = &mut self.proxies.get_mut(&proxy).expect("a proxy").routes;
        if routes.get(&agent) == Some(&sequence) {
            routes.remove(&agent);
        }
    }

    fn wake(&mut self, agent: usize) -> &mut ModelledAgent {
        self.awake[agent] = true;
        &mut self.agents[agent]
    }

    /// Tells every agent with a tunnel of the cluster: something is news.
    pub(super) fn tell(&mut self) {
        self.count();
        let view = self.view();
        for agent in 0..self.agents.len() {
            if !self.places_of(agent).is_empty() {
                self.post.send(self.round + 1, Letter::News(agent, view.clone()));
            }
        }
    }

    fn count(&mut self) {
        self.told = self.proxies.iter().map(|(id, proxy)| (*id, proxy.routes.len() as u64)).collect();
    }

    fn view(&self) -> ClusterView {
        let told = |id: &ProxyId| self.told.get(id).copied().unwrap_or_default();
        let proxies = self.proxies.iter().map(|(id, proxy)| proxy.member(*id, told(id))).collect();
        ClusterView { index: self.round, proxies, strategy: self.strategy, pulse_ms: 1_000 }
    }

    /// Whether every agent has what it wants and nothing is on its way.
    pub(super) fn is_settled(&self) -> bool {
        self.post.is_quiet() && self.agents.iter().all(|agent| agent.is_settled(self.now))
    }

    /// What the agents believe is what the table says.
    fn check_settled(&self) {
        for (number, agent) in self.agents.iter().enumerate() {
            let places = self.places_of(number);
            assert_eq!(places.len(), agent.wanted(), "agent {number}: {places:?}");
            assert!(places.iter().all(|id| self.proxies[id].lives), "agent {number} has a tunnel to a dead proxy: {places:?}");
        }
    }
}
