//! What happens at each size, and what is counted meanwhile.

use std::ops::RangeInclusive;
use std::time::Duration;

use anyhow::{Context, ensure};
use warren::model::scale::{Costs, ScaleWorld, Setup, Tally};
use warren_raft::store::weights;
use warren_raft::{ProxyId, StrategyKind};

use super::cases::Case;
use super::figures::Figures;
use super::idle;

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(600);
/// How long it may take until proxies hold about the same again.
const LEVEL: Duration = Duration::from_secs(3_600);
/// No proxy is to have more than so many times the mean (design, section 9).
const SKEW: f64 = 1.3;

/// Runs one case and adds its figures.
///
/// # Errors
/// Something did not come to rest, or an agent lacks a tunnel that it ought to have.
pub fn measure(case: &Case, seed: u64, figures: &mut Figures) -> anyhow::Result<()> {
    let setup =
        Setup { proxies: case.proxies, agents: case.agents, strategy: case.strategy, zones: case.zones, seed, costs: Costs::default() };
    let mut run = Run { world: ScaleWorld::new(setup), setup, prefix: case.prefix(), figures };
    run.phase("arrive", ScaleWorld::arrive)?;
    idle::measure(&mut run.world, &run.setup, (&run.prefix, run.figures))?;
    let is_mesh = case.strategy.kind == StrategyKind::AgentMesh;
    if !is_mesh {
        run.drain()?;
    }
    // Not those that were emptied or lost before: they are filled up only as far as the level wants it.
    run.killed("one", 3..=3)?;
    let first = if case.proxies > 3 { 4 } else { 2 };
    run.killed("third", first..=first + case.proxies / 3 - 1)?;
    run.phase("all", ScaleWorld::lose_all)?;
    if case.rolling {
        run.rolling()?;
    }
    Ok(())
}

struct Run<'a> {
    world: ScaleWorld,
    setup: Setup,
    prefix: String,
    figures: &'a mut Figures,
}

impl Run<'_> {
    /// Something happens, and everybody comes to rest.
    fn phase(&mut self, name: &str, what: impl FnOnce(&mut ScaleWorld)) -> anyhow::Result<()> {
        self.world.begin();
        what(&mut self.world);
        let settled = self.world.settle(LIMIT).with_context(|| format!("{}/{name}: no rest", self.prefix))?;
        self.note(name, settled)
    }

    /// These proxies die at once, not the leader; they come back, and all is levelled again.
    fn killed(&mut self, name: &str, which: RangeInclusive<u64>) -> anyhow::Result<()> {
        let ids = || which.clone().map(ProxyId);
        self.phase(name, |world| ids().for_each(|id| world.kill(id)))?;
        // Until their leases are over and everybody has heard of it.
        self.world.pass(Duration::from_secs(10));
        let tally = self.world.tally().clone();
        self.views(name, &tally);
        ids().for_each(|id| self.world.revive(id));
        self.world.pass(Duration::from_secs(5));
        self.level(name)
    }

    /// One proxy gives away what it has, and takes part again.
    fn drain(&mut self) -> anyhow::Result<()> {
        let id = ProxyId(2);
        self.world.begin();
        self.world.drain(id);
        self.world.pass(Duration::from_secs(1));
        ensure!(self.world.empty(id, LIMIT), "{}: a drain does not end", self.prefix);
        let settled = self.world.settle(LIMIT).with_context(|| format!("{}: no rest after a drain", self.prefix))?;
        self.note("drain", settled)?;
        ensure!(self.world.tally().returned() == 0, "{}: a drain left agents without a tunnel", self.prefix);
        self.world.resume(id);
        self.world.pass(Duration::from_secs(5));
        self.level("drain")
    }

    /// All proxies are restarted in turn.
    fn rolling(&mut self) -> anyhow::Result<()> {
        self.world.begin();
        ensure!(self.world.restart_all(LIMIT), "{}: a rolling restart does not come to rest", self.prefix);
        self.note("rolling", Duration::ZERO)?;
        ensure!(self.world.tally().returned() == 0, "{}: a rolling restart left agents without a tunnel", self.prefix);
        self.level("rolling")
    }

    /// Lets time pass until no proxy holds more than it may.
    fn level(&mut self, name: &str) -> anyhow::Result<()> {
        let before = self.world.tally().total().registered;
        let mut passed = Duration::ZERO;
        while self.world.skew() > SKEW && self.setup.strategy.kind == StrategyKind::ProxyPeering {
            ensure!(passed < LEVEL, "{}: not level after {name}: {:?}", self.prefix, self.world.loads());
            self.world.pass(Duration::from_secs(1));
            passed += Duration::from_secs(1);
        }
        self.world.settle(LIMIT).with_context(|| format!("{}: no rest after {name}", self.prefix))?;
        let moved = self.world.tally().total().registered - before;
        self.add(name, "levelled_s", passed.as_secs_f64());
        self.add(name, "levelled_moved", moved as f64 / self.tunnels());
        self.add(name, "levelled_skew", self.world.skew());
        Ok(())
    }

    fn note(&mut self, name: &str, settled: Duration) -> anyhow::Result<()> {
        let lacking = self.world.lacking();
        ensure!(lacking == 0, "{}/{name}: {lacking} agents lack a tunnel", self.prefix);
        let tally = self.world.tally().clone();
        self.add(name, "settled_s", settled.as_secs_f64());
        self.add(name, "skew", self.world.skew());
        self.add(name, "moved", tally.total().registered as f64 / self.tunnels());
        self.times(name, &tally);
        self.tries(name, &tally);
        self.log(name, &tally);
        self.views(name, &tally);
        Ok(())
    }

    fn times(&mut self, name: &str, tally: &Tally) {
        for (what, share) in [("p50", 0.5), ("p99", 0.99), ("last", 1.0)] {
            if let Some(reached) = tally.reached(share) {
                self.add(name, &format!("reached_{what}_s"), reached.as_secs_f64());
            }
            if let Some(whole) = tally.whole(share) {
                self.add(name, &format!("whole_{what}_s"), whole.as_secs_f64());
            }
        }
    }

    fn tries(&mut self, name: &str, tally: &Tally) {
        let registered = tally.total().registered.max(1) as f64;
        let tries = [("dials", tally.dials), ("turned_away", tally.turned_away), ("refused", tally.refused)];
        for (what, count) in tries.into_iter().chain([("unanswered", tally.unanswered), ("needless", tally.needless)]) {
            self.add(name, what, count as f64);
        }
        self.add(name, "dials_per_registration", tally.dials as f64 / registered);
    }

    /// What the leader and each other member send and take for the log.
    fn log(&mut self, name: &str, tally: &Tally) {
        let (total, others) = (tally.total(), (self.setup.proxies - 1) as f64);
        let around = weights::entry().request + idle::DATAGRAM;
        self.add(name, "registered", total.registered as f64);
        self.add(name, "entries", total.entries as f64);
        self.add(name, "log_bytes", total.bytes as f64);
        self.add(name, "commands_per_entry", (total.registered + total.withdrawn) as f64 / total.entries.max(1) as f64);
        self.add(name, "registered_peak_per_s", tally.peak(|second| second.registered) as f64);
        self.add(name, "entries_peak_per_s", tally.peak(|second| second.entries) as f64);
        let peak = tally.peak(|second| second.bytes + second.entries * around) as f64;
        self.add(name, "member_in_peak_bytes_per_s", peak);
        self.add(name, "leader_out_peak_bytes_per_s", peak * others);
    }

    fn views(&mut self, name: &str, tally: &Tally) {
        self.add(name, "views", tally.views as f64);
        self.add(name, "view_bytes", tally.view_bytes as f64);
        self.add(name, "view_bytes_per_proxy", tally.view_bytes as f64 / self.setup.proxies as f64);
    }

    fn tunnels(&self) -> f64 {
        self.world.loads().iter().sum::<u64>().max(1) as f64
    }

    fn add(&mut self, phase: &str, what: &str, value: f64) {
        self.figures.add(&format!("{}/{phase}", self.prefix), what, value);
    }
}
