//! All tunnels of one proxy go elsewhere, for whatever reason.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::load::{Dial, Load, causes};
use super::scene::Scene;
use super::shared::{Report, Samples, Usage, monotonic, number};

/// The counter of handshakes that proxies refuse for want of a place.
const REFUSED: &str = "warren_handshakes_refused_total";
/// The counter of tunnels that they refuse for now after the handshake.
const NOT_YET: &str = "warren_tunnels_refused_total";

/// What came of it.
pub(crate) struct Migration {
    begun: i64,
    /// When each agent had as many tunnels elsewhere as it had before.
    moves: BTreeMap<u64, i64>,
    terms: (u64, u64),
    /// Handshakes, and tunnels after the handshake, that were refused for now.
    refused: (f64, f64),
    /// The proxies that took them, before and after.
    proxies: Vec<(Usage, Usage)>,
    agents_cpu: Duration,
    dials: Vec<Dial>,
}

impl Migration {
    /// Measures from `set_off`, which makes the tunnels of the proxy with this index go, until each of its agents is registered elsewhere.
    pub(crate) fn measure(scene: &mut Scene, index: usize, set_off: impl FnOnce(&mut Scene)) -> anyhow::Result<Self> {
        let others: Vec<_> = (0..scene.cluster.proxies().len()).filter(|other| *other != index).collect();
        let affected = scene.follow(index)?;
        ensure!(affected > 0, "no tunnel is to be lost: no agent has one to `{}`", scene.cluster.proxy(index).name());
        let load = Load::start(scene, &others)?;
        scene.forget_peaks()?;
        let (before, agents, term) = (scene.proxies()?, scene.agents_usage()?, scene.term()?);
        let refused = refusals(scene, &others)?;
        let begun = monotonic();
        set_off(scene);
        scene.wait_standing("all that was lost has come back", |standing| standing.unmoved == 0)?;
        let (after, agents_cpu) = (scene.proxies()?, scene.agents_usage()?.cpu - agents.cpu);
        let dials = load.stop()?;
        let moves = scene.moves()?;
        ensure!(moves.len() as u64 == affected, "{} of {affected} agents have come back", moves.len());
        let proxies = others.iter().map(|other| (before[other], after[other])).collect();
        let now = refusals(scene, &others)?;
        let refused = (now.0 - refused.0, now.1 - refused.1);
        Ok(Self { begun, moves, terms: (term, scene.term()?), refused, proxies, agents_cpu, dials })
    }

    /// Adds what came of it to the table.
    pub(crate) fn report(&self, what: &str, aim: &str, report: &mut Report) {
        let seconds = |moved: &i64| (moved - self.begun) as f64 / 1e9;
        let times: Samples = self.moves.values().map(seconds).collect();
        let all = format!("{} agents at once; {aim}", number(self.moves.len() as f64));
        for (share, name, beside) in [(0.5, "median", ""), (0.99, "99th percentile", ""), (1.0, "last", all.as_str())] {
            report.figure(&format!("{what}: registered elsewhere, {name}"), (times.quantile(share), "s"), beside);
        }
        let (before, after) = self.terms;
        report.figure(&format!("{what}: elections"), ((after - before) as f64, ""), format!("term {before} before, {after} after; aim 0"));
        let beside = format!("beyond what a proxy admits at once, and {} tunnels after it; each is tried again", number(self.refused.1));
        report.figure(&format!("{what}: handshakes refused"), (self.refused.0, ""), beside);
        self.report_cost(what, times.quantile(1.0), report);
        self.report_dials(what, report);
    }

    fn report_cost(&self, what: &str, seconds: f64, report: &mut Report) {
        for (place, (before, after)) in (1..).zip(&self.proxies) {
            let grown = format!("{} MB before, {} after", megabytes(before.resident), megabytes(after.resident));
            report.figure(&format!("{what}: peak memory, remaining proxy {place}"), (after.peak as f64 / 1e6, "MB"), grown);
            let cpu = (after.cpu - before.cpu).as_secs_f64();
            let beside = format!("{} % of a core", number(cpu / seconds * 100.0));
            report.figure(&format!("{what}: processor time, remaining proxy {place}"), (cpu, "s"), beside);
        }
        let agents = self.agents_cpu.as_secs_f64();
        let beside = format!("{} % of a core, on the same machine", number(agents / seconds * 100.0));
        report.figure(&format!("{what}: processor time, all agents"), (agents, "s"), beside);
    }

    fn report_dials(&self, what: &str, report: &mut Report) {
        let moved = |dial: &Dial| self.moves.get(&dial.agent).copied();
        type Sort<'a> = (&'a str, &'a dyn Fn(&Dial) -> bool);
        let sorts: [Sort; 3] = [
            ("agents that had other tunnels only", &|dial| moved(dial).is_none()),
            ("agents not registered elsewhere yet", &|dial| moved(dial).is_some_and(|at| dial.times.0 >= self.begun && dial.times.0 < at)),
            ("agents registered elsewhere", &|dial| moved(dial).is_some_and(|at| dial.times.0 >= at)),
        ];
        for (whose, belongs) in sorts {
            let dials: Vec<_> = self.dials.iter().filter(|dial| belongs(dial)).collect();
            let causes = causes(dials.iter().copied());
            let (failed, times) = (causes.values().sum::<usize>(), dials.iter().map(|dial| (dial.times.1 - dial.times.0) as f64 / 1e6));
            let slowest = number(times.collect::<Samples>().quantile(1.0));
            let beside = format!("of {} dials, the slowest took {slowest} ms {}", dials.len(), list(&causes));
            report.figure(&format!("{what}: failed dials, {whose}"), (failed as f64, ""), beside.trim_end());
        }
    }
}

/// Handshakes, and tunnels after the handshake, that these proxies have refused so far.
fn refusals(scene: &Scene, indexes: &[usize]) -> anyhow::Result<(f64, f64)> {
    let handshakes = scene.counter_of(indexes, REFUSED)?.with_context(|| format!("`{REFUSED}` is not shown"))?;
    Ok((handshakes, scene.counter_of(indexes, NOT_YET)?.unwrap_or_default()))
}

fn list(causes: &BTreeMap<String, usize>) -> String {
    let listed: Vec<_> = causes.iter().map(|(cause, count)| format!("{count} {cause}")).collect();
    if listed.is_empty() { String::new() } else { format!("({})", listed.join(", ")) }
}

fn megabytes(bytes: u64) -> String {
    number(bytes as f64 / 1e6)
}
