//! The world: who is in it, and what happens next.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::Instant;
use warren_raft::{AgentName, Incarnation, ProxyId, Sequence, Table};

use super::batch::Lanes;
use super::cluster::{ScaledProxy, View, agent_name, founded};
use super::queue::{Event, Moment, Queue, micros};
use super::setup::Setup;
use super::tally::Tally;
use crate::agent::ModelledAgent;
use crate::proxy::handover::ModelledHandover;
use crate::proxy::public::ModelledDoor;

/// The time in which agents arrive "at once": nothing happens within a moment to a hundred thousand machines.
const AT_ONCE: u64 = 1_000_000;

/// A cluster of proxies and its agents.
#[derive(Debug)]
pub struct ScaleWorld {
    pub(super) setup: Setup,
    base: Instant,
    pub(super) now: Moment,
    pub(super) rng: StdRng,
    pub(super) queue: Queue,
    pub(super) agents: Vec<ScaledAgent>,
    /// How many of them lack something, have too much, or wait for something.
    pub(super) unsettled: usize,
    pub(super) proxies: BTreeMap<ProxyId, ScaledProxy>,
    pub(super) table: Table,
    pub(super) index: u64,
    view: Option<Arc<View>>,
    pub(super) leader: ProxyId,
    /// From when on the leader has time for the next entry.
    pub(super) leader_free: Moment,
    pub(super) tally: Tally,
}

/// An agent.
#[derive(Debug)]
pub(super) struct ScaledAgent {
    pub(super) core: ModelledAgent,
    pub(super) name: AgentName,
    /// When it looks by itself.
    pub(super) look: Option<Moment>,
    /// Of the newest view it was told.
    pub(super) told: u64,
    /// Its tunnels to proxies that live.
    pub(super) places: Vec<(ProxyId, Sequence)>,
    pub(super) is_settled: bool,
    /// Whether it has had no tunnel since something happened to it.
    pub(super) is_adrift: bool,
    /// Whether it has not had all of them.
    pub(super) is_lacking: bool,
}

impl ScaleWorld {
    /// All proxies are up, all agents are enrolled and none of them has come yet.
    pub fn new(setup: Setup) -> Self {
        let mut rng = StdRng::seed_from_u64(setup.seed);
        let (table, number) = founded(&setup);
        let base = Instant::now();
        let proxies = (1..=setup.proxies).map(|id| (ProxyId(id), ScaledProxy::new(&setup, base, rng.random()))).collect();
        let agent = |number| ScaledAgent::new(agent_name(number), rng.random());
        let agents: Vec<_> = (0..setup.agents).map(agent).collect();
        let mut world = Self {
            setup,
            base,
            now: 0,
            rng,
            queue: Queue::default(),
            unsettled: agents.len(),
            agents,
            proxies,
            table,
            index: number,
            view: None,
            leader: ProxyId(1),
            leader_free: 0,
            tally: Tally::default(),
        };
        world.proxy(ProxyId(1)).number = number;
        for id in 1..=setup.proxies {
            world.level_later(ProxyId(id));
        }
        world
    }

    /// All agents come within a second.
    pub fn arrive(&mut self) {
        for agent in 0..self.setup.agents {
            let at = self.now + self.rng.random_range(0..AT_ONCE);
            self.queue.push(at, Event::Look(agent));
            self.agents[agent as usize].look = Some(at);
        }
    }

    /// Counts anew from now on.
    pub fn begin(&mut self) {
        self.tally = Tally { begun: self.now, ..Tally::default() };
    }

    /// What was counted since.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Lets time pass until every agent has what it wants, and tells how long that took; nothing if it takes longer than `limit`.
    pub fn settle(&mut self, limit: Duration) -> Option<Duration> {
        let (begun, limit) = (self.now, self.now + micros(limit));
        while self.unsettled > 0 {
            let (at, event) = self.queue.pop(limit)?;
            self.now = at;
            self.happen(event);
        }
        Some(Duration::from_micros(self.now - begun))
    }

    /// Lets so much time pass.
    pub fn pass(&mut self, time: Duration) {
        let limit = self.now + micros(time);
        while let Some((at, event)) = self.queue.pop(limit) {
            self.now = at;
            self.happen(event);
        }
        self.now = limit;
    }

    /// How many tunnels each proxy holds that takes some.
    pub fn loads(&self) -> Vec<u64> {
        let open = self.proxies.iter().filter(|(id, proxy)| proxy.lives && !self.table.is_draining(**id));
        open.map(|(_, proxy)| proxy.tunnels.len() as u64).collect()
    }

    /// The most tunnels of a proxy beside the mean.
    pub fn skew(&self) -> f64 {
        let loads = self.loads();
        let most = loads.iter().max().copied().unwrap_or_default();
        most as f64 * loads.len() as f64 / loads.iter().sum::<u64>().max(1) as f64
    }

    /// The replicated table.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// What one push of the cluster to one agent takes now, and the message itself as it is pushed.
    pub fn view_bytes(&mut self) -> u64 {
        self.view().bytes
    }

    /// How many agents have not as many tunnels as they want, or the table does not say so.
    pub fn lacking(&self) -> usize {
        let is_whole = |agent: &ScaledAgent| {
            let registered = self.table.routes_of(&agent.name).count();
            agent.places.len() == agent.core.wanted() && registered == agent.places.len()
        };
        self.agents.iter().filter(|agent| !is_whole(agent)).count()
    }

    /// The moment for the cores.
    pub(super) fn instant(&self) -> Instant {
        self.base + Duration::from_micros(self.now)
    }

    /// In so long.
    pub(super) fn later(&self, duration: Duration) -> Moment {
        self.now + micros(duration)
    }

    pub(super) fn proxy(&mut self, id: ProxyId) -> &mut ScaledProxy {
        self.proxies.get_mut(&id).expect("proxies are never forgotten here")
    }

    /// What agents are told now.
    pub(super) fn view(&mut self) -> Arc<View> {
        let known = self.view.take().filter(|view| view.index == self.index);
        let view = known.unwrap_or_else(|| Arc::new(View::new(&self.table, self.index)));
        self.view = Some(view.clone());
        view
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Knock(attempt) => self.knock(attempt),
            Event::Shaken(attempt) => self.shaken(attempt),
            Event::Hello(attempt) => self.hello(attempt),
            Event::Refused(attempt, after) => self.failed(attempt, Some(after)),
            Event::Failed(attempt) => self.failed(attempt, None),
            Event::Welcome(attempt, view) => self.welcome(attempt, &view),
            Event::Retire(attempt) => self.retire(attempt),
            Event::Retired(attempt) => self.retired(attempt),
            Event::Silent(attempt) => self.silent(attempt),
            Event::Move(attempt, to) => self.moved(attempt, to),
            Event::Look(agent) => self.look(agent),
            Event::News(proxy, view) => self.news(proxy, &view),
            Event::Propose(batch) => self.propose(batch),
            Event::Commit(batch) => self.commit(batch),
            Event::Applied(batch, answers) => self.applied(*batch, answers),
            Event::Drain(proxy) => self.hand_over(proxy),
            Event::Level(proxy) => self.level(proxy),
            Event::Expire(proxy) => self.expire(proxy),
        }
    }
}

impl ScaledProxy {
    /// One that has just started.
    pub(super) fn new(setup: &Setup, now: Instant, seed: u64) -> Self {
        Self {
            lives: true,
            tunnels: BTreeMap::new(),
            door: ModelledDoor::new(now, seed),
            handover: ModelledHandover::new(seed),
            cores: vec![0; setup.costs.cores],
            lanes: Lanes::default(),
            is_proposing: false,
            incarnation: Incarnation(1),
            number: 0,
            is_leaving: false,
        }
    }
}

impl ScaledAgent {
    fn new(name: AgentName, seed: u64) -> Self {
        let (core, places) = (ModelledAgent::new(seed), Vec::new());
        Self { core, name, look: None, told: 0, places, is_settled: false, is_adrift: true, is_lacking: true }
    }
}
