//! Memory per route: what a process that does nothing but hold a table grows by, as resident size. It includes what the allocator loses.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use warren_raft::command::{Bootstrap, ProxyStart};
use warren_raft::{ClusterId, Command as Change, Epoch, Incarnation, KeyHash, Proposal, ProxyId, Strategy, Table, Timestamp};

use super::options::Options;
use super::population;
use super::shared::{Report, Samples, number};

/// What the issue promises per route, in bytes.
const AIM: f64 = 300.0;
/// Changes per proposal, as a busy proposer makes them.
const BATCH: u64 = 1_000;

#[derive(Serialize, Deserialize)]
struct Weight {
    agents_bytes: u64,
    routes_bytes: u64,
}

/// Measures, each table in a process of its own.
pub(crate) fn run(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    for routes in options.pick(vec![10_000], vec![100_000, 1_000_000]) {
        let (mut per_agent, mut per_route) = (Samples::default(), Samples::default());
        for _ in 0..options.pick(1, 3) {
            let output = Command::new(std::env::current_exe()?).args(["--weigh", &routes.to_string()]).stderr(Stdio::inherit()).output()?;
            let weight: Weight = serde_json::from_slice(&output.stdout).context("the process that weighs has failed")?;
            ensure!(weight.routes_bytes > 0, "{routes} routes that weigh nothing");
            per_agent.add(weight.agents_bytes as f64 / routes as f64);
            per_route.add(weight.routes_bytes as f64 / routes as f64);
        }
        let beside = format!("resident size; beside {} bytes for its agent; aim {}", number(per_agent.median()), number(AIM));
        report.add(&format!("memory per route, {} routes", number(routes as f64)), &per_route, "bytes", beside);
    }
    Ok(())
}

/// Fills a table and prints what it weighs: the work of the process of its own.
pub(crate) fn weigh(routes: u64) -> anyhow::Result<()> {
    let mut filling = Filling { table: Table::default(), number: 0 };
    filling.apply(vec![Change::Bootstrap(Box::new(bootstrap()?)), Change::StartProxy(start())])?;
    filling.apply(population::tokens(0, routes)?)?;
    let empty = resident_bytes()?;
    filling.apply_all(routes, |number| Ok(population::enrolment(number)))?;
    let enrolled = resident_bytes()?;
    let place = (ProxyId(1), filling.table.epoch(ProxyId(1)).unwrap_or(Epoch(1)));
    filling.apply_all(routes, |number| population::registration(number, place, 1))?;
    let registered = resident_bytes()?;
    ensure!(filling.table.routes().count() as u64 == routes, "not all routes are in the table");
    let weight = Weight { agents_bytes: enrolled.saturating_sub(empty), routes_bytes: registered.saturating_sub(enrolled) };
    Ok(std::io::stdout().write_all(&serde_json::to_vec(&weight)?)?)
}

struct Filling {
    table: Table,
    number: u64,
}

impl Filling {
    fn apply_all(&mut self, count: u64, change: impl Fn(u64) -> anyhow::Result<Change>) -> anyhow::Result<()> {
        for first in (0..count).step_by(usize::try_from(BATCH)?) {
            self.apply((first..count.min(first + BATCH)).map(&change).collect::<anyhow::Result<_>>()?)?;
        }
        Ok(())
    }

    fn apply(&mut self, commands: Vec<Change>) -> anyhow::Result<()> {
        self.number += 1;
        let (proposer, incarnation, at) = (ProxyId(1), Incarnation(1), Timestamp(1));
        // Whoever reads holds the last version while the next one is made.
        let _read = self.table.clone();
        for answer in self.table.apply(&Proposal { proposer, incarnation, number: self.number, at, commands }) {
            answer?;
        }
        Ok(())
    }
}

fn bootstrap() -> anyhow::Result<Bootstrap> {
    Ok(Bootstrap {
        id: ClusterId([7; 16]),
        name: "bench".to_owned(),
        ca_certificate: vec![1; 300],
        ca_key: vec![2; 100],
        strategy: Strategy::default(),
        proxy: "proxy-1".parse()?,
        key: KeyHash([1; 32]),
    })
}

fn start() -> ProxyStart {
    let (peer_address, public_addresses) = ("127.0.0.1:3021".to_owned(), vec!["127.0.0.1:3024".to_owned()]);
    ProxyStart {
        proxy: ProxyId(1),
        peer_address,
        public_addresses,
        zone: String::new(),
        version: "0".to_owned(),
        level: warren_raft::Level::CURRENT,
    }
}

/// What the kernel counts as this process's memory.
fn resident_bytes() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("resident sizes are read from /proc")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS in /proc/self/status")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? * 1024)
}
