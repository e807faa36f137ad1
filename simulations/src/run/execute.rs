//! A plan, from boot to the last check.

mod happen;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use warren::net::stalled::StalledCount;

use super::boot::Run;
use super::conditions::{Conditions, Machine};
use super::scene::{Held, Phase, Scene};
use super::watch::Watch;
use super::{bounds, expected};
use crate::cast::{Order, Outcome};
use crate::invariants::{Glimpse, Violation};
use crate::network::{HostId, RuleId};
use crate::plan::{Dial, Mode, Operation, Seats};
use crate::world::{Exit, Host};

/// How often everything is looked at, in microseconds.
const LOOK_US: u64 = 100_000;
/// How long a supervisor waits before it starts a program again that has failed, in milliseconds.
const AGAIN_MS: u64 = 1_000;
/// How a program fails whose machine was removed.
const KEY_REMOVED: &str = "a machine with this key was removed";
/// How often an operator does what is left to do, in microseconds.
const CARE_US: u64 = 3_000_000;
/// Most dials of the last phase.
const SERVED: usize = 40;
/// How long it is between two looks at what is left.
const SETTLING: Duration = Duration::from_millis(500);

/// A plan that is being carried out.
pub(super) struct Execution {
    pub(super) run: Run,
    pub(super) watch: Watch,
    phase: Phase,
    /// The beginning of the events, in microseconds.
    base_us: u64,
    looked_us: u64,
    /// Programs to be started, by when, in microseconds.
    starts: BTreeMap<(u64, HostId), ()>,
    agent_starts: BTreeMap<(u64, u16), ()>,
    /// How long a program stays away that was told to end.
    leaves: BTreeMap<HostId, u64>,
    /// The same for one that is to crash at a point.
    traps: BTreeMap<HostId, u64>,
    lifts: BTreeMap<(u64, RuleId), ()>,
    mends: Vec<(u64, HostId, Mend)>,
    /// Proxies that lost their disks and are not in the cluster again.
    wiped: BTreeSet<HostId>,
    /// Machines whose disks were exchanged.
    exchanged: BTreeSet<HostId>,
    /// When an operator looked last, in microseconds.
    cared_us: u64,
    /// When machines stood still.
    pauses: Vec<(HostId, u64, u64)>,
    drained: BTreeSet<HostId>,
    next_dial: u64,
    calm_since_us: Option<u64>,
    conditions: Conditions,
    glimpses: BTreeMap<HostId, Glimpse>,
    /// The rules that are in force, and whether each only cuts proxies off from each other.
    rules: BTreeMap<RuleId, bool>,
    /// Machines that have lost their disks at some time.
    lost: BTreeSet<HostId>,
    pub(super) events: BTreeMap<String, u64>,
    /// Why programs have failed, and how often.
    pub(super) failures: BTreeMap<String, u64>,
    pub(super) whole_after_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mend {
    Disk,
    Rate,
    Pause,
}

impl Execution {
    pub(super) fn new(run: Run, watch: Watch) -> Self {
        Self {
            run,
            watch,
            phase: Phase::Boot,
            base_us: 0,
            looked_us: 0,
            starts: BTreeMap::new(),
            agent_starts: BTreeMap::new(),
            leaves: BTreeMap::new(),
            traps: BTreeMap::new(),
            lifts: BTreeMap::new(),
            mends: Vec::new(),
            wiped: BTreeSet::new(),
            exchanged: BTreeSet::new(),
            cared_us: 0,
            pauses: Vec::new(),
            drained: BTreeSet::new(),
            next_dial: 0,
            calm_since_us: None,
            conditions: Conditions { fair_since_us: Some(0), ..Conditions::default() },
            glimpses: BTreeMap::new(),
            rules: BTreeMap::new(),
            lost: BTreeSet::new(),
            events: BTreeMap::new(),
            failures: BTreeMap::new(),
            whole_after_ms: 0,
        }
    }

    /// All phases, until something is violated.
    pub(super) fn all(&mut self) {
        let phases: [fn(&mut Self); 5] = [Self::boot, Self::safety, Self::converge, Self::serve, Self::scan];
        for phase in phases {
            phase(self);
            if self.watch.found().is_some() {
                return;
            }
        }
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.run.world.trace.event(format_args!("--- {phase:?}"));
    }

    fn boot(&mut self) {
        self.enter(Phase::Boot);
        self.start(Seats::SERVICES);
        self.start(Seats::proxy(0));
        self.must_come(bounds::FIRST, "the first proxy made no cluster", |run| run.stage.secrets().client.is_some());
        for number in 1..self.run.plan.topology.proxies {
            self.start(Seats::proxy(number));
        }
        let proxies = self.run.plan.topology.proxies.into();
        self.must_come(bounds::BOOT, "the proxies do not come together", move |run| expected::proxies_together(run, proxies));
        for host in self.run.plan.topology.farm_hosts().chain(self.run.plan.topology.client_hosts()).collect::<Vec<_>>() {
            self.start(host);
        }
        self.must_come(bounds::BOOT, "not everybody is enrolled and connected", expected::everybody_is_there);
        self.calm_since_us = Some(self.run.world.now_us());
    }

    fn safety(&mut self) {
        self.enter(Phase::Safety);
        self.base_us = self.run.world.now_us();
        let (events, end) = (self.run.plan.events.clone(), self.base_us + self.run.plan.length_ms * 1_000);
        let mut due = events.into_iter().peekable();
        while self.run.world.now_us() < end && self.watch.found().is_none() {
            while let Some(timed) = due.next_if(|timed| self.base_us + timed.at_ms * 1_000 <= self.run.world.now_us()) {
                self.apply(timed.event);
            }
            self.tick();
        }
    }

    /// Nothing is wrong any more, and nobody wants anything.
    fn converge(&mut self) {
        self.enter(Phase::Converge);
        self.heal();
        let began = self.run.world.now();
        let mut whole = began;
        while self.run.world.now() < began + bounds::NOTICED && self.watch.found().is_none() {
            self.pass(Duration::from_millis(100));
            if !expected::all_is_well(&self.run) {
                whole = self.run.world.now();
            }
        }
        if whole + Duration::from_millis(100) > self.run.world.now() {
            self.must_come(bounds::WHOLE, "the cluster does not come together again", expected::all_is_well);
            whole = self.run.world.now();
        }
        self.drained.clear();
        self.whole_after_ms = u64::try_from((whole - began).as_millis()).unwrap_or(u64::MAX);
        self.calm_since_us = Some(self.run.world.now_us());
        if self.watch.found().is_none() {
            self.run.stage.set_quiet(true);
            self.must_come(bounds::DIALS, "dials neither end nor fail", expected::dials_are_over);
            self.must_come(bounds::SAME, "the proxies do not come to the same state without any traffic", expected::same_state);
        }
    }

    fn serve(&mut self) {
        self.enter(Phase::Serve);
        let (agents, clients) = (self.run.plan.topology.agents().count(), self.run.plan.topology.clients);
        let every = (0..agents).flat_map(|agent| (0..clients).map(move |client| (agent, client))).take(SERVED);
        for (agent, client) in every {
            let agent = u16::try_from(agent).unwrap_or(u16::MAX);
            let dial = Dial { client: Seats::client(client), agent, mode: Mode::Echo, bytes: 2_000, timeout_ms: 5_000 };
            self.dial(dial);
            self.pass(Duration::from_millis(50));
        }
        self.must_come(bounds::DIALS, "dials neither end nor fail", expected::dials_are_over);
        self.write_everywhere();
    }

    /// An operator writes something at every proxy.
    fn write_everywhere(&mut self) {
        let written = |run: &Run| run.stage.operations().get("token: done").copied().unwrap_or_default();
        let members = self.run.stage.members();
        let all = written(&self.run) + members.len() as u64;
        for host in members.into_keys() {
            self.operate(host, Operation::Token { uses: 1, tries: 0 });
        }
        self.must_come(bounds::WRITES, "not every proxy takes a write", |run| written(run) >= all);
    }

    fn scan(&mut self) {
        self.enter(Phase::Scan);
        let (watch, end) = (self.watch.clone(), self.run.world.now() + bounds::LEFT.1);
        loop {
            // Each time: proxies level their tunnels meanwhile, and an agent that moves has its route for a moment longer than its tunnel.
            self.must_come(bounds::SAME, "the proxies do not come to the same state without any traffic", expected::same_state);
            self.must_come(bounds::STALE, "routes that no agent has are still there", expected::no_stale_route);
            self.see();
            let Err(violation) = self.with_scene(|scene| watch.settled(scene)) else { return };
            // What machines that are gone have left behind goes when their connections have been silent for long enough.
            if violation.invariant != bounds::LEFT.0 || self.run.world.now() >= end || watch.found().is_some() {
                return watch.note(violation);
            }
            self.pass(SETTLING);
        }
    }

    /// Lets time pass.
    fn pass(&mut self, time: Duration) {
        let until = self.run.world.now() + time;
        while self.run.world.now() < until && self.watch.found().is_none() {
            self.tick();
        }
    }

    /// Lets time pass until it is so, or it is a violation of the liveness that is meant.
    fn must_come(&mut self, (invariant, most): (&'static str, Duration), what: &str, is: impl Fn(&Run) -> bool) {
        let end = self.run.world.now() + most;
        let mut next = self.run.world.now();
        while self.watch.found().is_none() {
            if self.run.world.now() >= next {
                if is(&self.run) {
                    return;
                }
                next = self.run.world.now() + Duration::from_millis(20);
            }
            if self.run.world.now() >= end {
                let state = expected::describe(&self.run);
                self.watch.note(Violation::new(invariant, format!("{what} within {most:?}: {state}")));
                return;
            }
            self.tick();
        }
    }

    /// One step of the world, with all that is due.
    fn tick(&mut self) {
        self.due();
        for (host, exit) in self.run.step() {
            let again = match exit {
                Exit::Failed(reason) => {
                    if self.lost.contains(&host) && reason.contains(KEY_REMOVED) {
                        // Its removal came twice, and the second time it was the new one that went, before it had run.
                        self.empty(host);
                        self.wiped.insert(host);
                    }
                    *self.failures.entry(reason).or_default() += 1;
                    Some(AGAIN_MS)
                }
                Exit::Done if self.exchanged.contains(&host) && !self.leaves.contains_key(&host) => {
                    // Its removal came twice, and the second time it was the new one that went: it joins once more.
                    self.empty(host);
                    self.wiped.insert(host);
                    Some(AGAIN_MS)
                }
                Exit::Done => self.leaves.remove(&host),
            };
            if let Some(after) = again {
                self.start_after(host, after);
            }
        }
        for host in self.run.points.take_dead() {
            *self.events.entry("crash_at_point".to_owned()).or_default() += 1;
            self.lose_power(host);
            let down_ms = self.traps.remove(&host).unwrap_or(AGAIN_MS);
            self.start_after(host, down_ms);
        }
        if self.run.world.now_us() >= self.looked_us + LOOK_US {
            self.looked_us = self.run.world.now_us();
            self.see();
            let watch = self.watch.clone();
            self.with_scene(|scene| watch.look(scene));
        }
    }

    /// How everybody is now.
    fn see(&mut self) {
        let machines =
            self.run.world.hosts().map(|host| Machine { host: host.id, is_up: host.runs() && !host.is_paused(), life: host.lives() });
        self.conditions.see(self.run.world.now_us(), machines.collect::<Vec<_>>());
        let mut before = std::mem::take(&mut self.glimpses);
        for (host, member) in self.run.stage.members() {
            let life = self.run.world.host(host).map_or(0, Host::lives);
            let glimpse = Glimpse::of(&member.store, life, before.remove(&host).as_ref());
            self.glimpses.insert(host, glimpse);
        }
    }

    fn with_scene<T>(&self, look: impl FnOnce(&Scene<'_>) -> T) -> T {
        let up = self.run.world.hosts().filter(|host| host.runs() && !host.is_paused()).map(|host| host.id).collect();
        look(&Scene {
            now_us: self.run.world.now_us(),
            phase: self.phase,
            plan: &self.run.plan,
            stage: &self.run.stage,
            disks: &self.run.disks,
            up,
            calm_since_us: self.calm_since_us,
            pauses: &self.pauses,
            glimpses: &self.glimpses,
            conditions: &self.conditions,
            held: self.held(),
            wiped: &self.lost,
        })
    }

    fn held(&self) -> BTreeMap<HostId, Held> {
        let held = |host: &Host<Order>| {
            let stalled = self.run.stalled.get(host.id);
            let bytes = stalled.as_ref().map_or(0, StalledCount::held_bytes);
            let stalled = stalled.as_ref().map_or(0, StalledCount::stalled);
            Held { tasks: host.tasks(), census: host.census(), sockets: self.run.world.network.open(host.id), stalled, bytes }
        };
        self.run.world.hosts().map(|host| (host.id, held(host))).collect()
    }

    fn start(&mut self, host: HostId) {
        if let Err(error) = self.run.world.start(host) {
            self.watch.note(Violation::new("harness", format!("a runtime cannot be had: {error}")));
        }
    }

    fn start_after(&mut self, host: HostId, after_ms: u64) {
        let at = self.run.world.now_us() + after_ms * 1_000;
        // A later time replaces an earlier one: whoever made it away last decides.
        self.starts.retain(|(_, other), ()| *other != host);
        self.starts.insert((at, host), ());
    }

    fn due(&mut self) {
        let now = self.run.world.now_us();
        while let Some(((_, host), ())) = self.starts.first_key_value().filter(|((at, _), ())| *at <= now).map(|(key, ())| (*key, ())) {
            self.starts.pop_first();
            self.start(host);
        }
        while let Some((at, agent)) = self.agent_starts.first_key_value().map(|(key, ())| *key).filter(|(at, _)| *at <= now) {
            self.agent_starts.remove(&(at, agent));
            self.tell_agent(agent, Order::StartAgent(agent));
        }
        while let Some((at, rule)) = self.lifts.first_key_value().map(|(key, ())| *key).filter(|(at, _)| *at <= now) {
            self.lifts.remove(&(at, rule));
            self.run.world.network.lift(rule);
            self.rules.remove(&rule);
            self.run.world.trace.event(format_args!("rule {} is lifted", rule.0));
        }
        let (over, still): (Vec<_>, Vec<_>) = std::mem::take(&mut self.mends).into_iter().partition(|(at, ..)| *at <= now);
        self.mends = still;
        for (_, host, mend) in over {
            self.mend(host, mend);
        }
        let converges = self.phase == Phase::Converge && !self.drained.is_empty();
        if (converges || !self.wiped.is_empty()) && now > self.cared_us + CARE_US {
            self.care();
        }
        self.weather(now);
        let trouble = !self.starts.is_empty() || !self.lifts.is_empty() || !self.mends.is_empty() || !self.leaves.is_empty();
        if trouble {
            self.calm_since_us = None;
        } else if self.calm_since_us.is_none() && self.phase != Phase::Boot {
            self.calm_since_us = Some(now);
        }
    }

    /// Since when what is not a program is as it should be.
    fn weather(&mut self, now: u64) {
        let Conditions { fair_since_us, split_since_us, .. } = &mut self.conditions;
        let since = |so: bool, since: &mut Option<u64>| *since = if so { since.or(Some(now)) } else { None };
        since(self.mends.is_empty() && self.rules.is_empty(), fair_since_us);
        since(self.mends.is_empty() && !self.rules.is_empty() && self.rules.values().all(|only| *only), split_since_us);
    }

    fn mend(&mut self, host: HostId, mend: Mend) {
        match mend {
            Mend::Disk => {
                if let Some(disk) = self.run.disks.get(&host) {
                    disk.heal();
                    disk.make_room();
                }
            }
            Mend::Rate => {
                if let Some(host) = self.run.world.host_mut(host) {
                    host.set_rate(1_000_000);
                }
            }
            Mend::Pause => {}
        }
        self.run.world.trace.event(format_args!("{}: {mend:?} is over", host.0));
    }

    fn tell_agent(&self, agent: u16, order: Order) {
        let at = self.run.plan.topology.agents().find(|(number, _)| *number == agent).map(|(_, host)| host);
        if let Some(host) = at.and_then(|host| self.run.world.host(host)) {
            host.tell(order);
        }
    }

    fn count(&mut self, what: &str) {
        *self.events.entry(what.to_owned()).or_default() += 1;
    }

    /// What the dials have come to, by how they ended.
    pub(super) fn dials(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for dial in self.run.stage.dials().into_values() {
            let how = match dial.outcome {
                Some(Outcome::Failed(code, stage, _)) => format!("{code} at {stage:?}").to_lowercase(),
                Some(Outcome::Whole) => "whole".to_owned(),
                Some(Outcome::Broken(_)) if dial.dial.mode == Mode::Reset => "reset as meant".to_owned(),
                Some(Outcome::Broken(_)) => "broken".to_owned(),
                Some(Outcome::Wrong(_)) => "wrong".to_owned(),
                Some(Outcome::Abandoned) | None => "abandoned".to_owned(),
            };
            *counts.entry(how).or_default() += 1;
        }
        counts
    }
}
