//! Tunnels over which nothing runs: what each more of them takes of a proxy and of its agent, in memory, processor time and packets.
//!
//! The memory is a slope: what the tunnels between one number of them and the next have added, divided by how many those are. What a process takes by itself does not
//! count, and the agents' share is all of an agent: its socket, its keys, its tasks.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::bench::Bench;
use crate::order::{Answer, Order, Settings, Standing, Swarm};
use crate::report::{Aim, Better, Chart, Report};
use crate::shared::{Samples, Usage, complain, home};
use crate::support::{Cluster, Proxy};

/// How many agents there are in a process at most.
const SWARM: u64 = 2_500;
/// How long anything may take before the run counts as failed.
const LIMIT: Duration = Duration::from_secs(300);
/// Memory: thousands of directories would measure this machine's one disk.
const MEMORY: &str = "/dev/shm";
/// What a tunnel may take of its proxy, in KiB.
const AIM_KIB: f64 = 20.0;

/// Measures.
pub(crate) fn run(bench: &mut Bench, report: &mut Report) -> anyhow::Result<()> {
    let steps = bench.options.effort.pick([10, 40, 80], [100, 1_000, 5_000]);
    // quinn's queues take their second block when some dozens of packets have come: what counts is a tunnel that has been there for a while.
    let (settling, window) = bench.options.effort.pick((1, 2), (75, 20));
    let mut memory = Chart::new("idle-memory", "Memory for each more idle tunnel", "KiB", Better::Less);
    let mut cpu = Chart::new("idle-cpu", "Processor time for each idle tunnel", "us per second", Better::Less);
    let mut packets = Chart::new("idle-packets", "Datagrams for each idle tunnel, both directions", "per second", Better::Less);
    let mut herd = Herd::new(steps[2])?;
    herd.grow(steps[0])?;
    sleep(Duration::from_secs(settling));
    let mut before = (steps[0], herd.usage()?);
    for count in &steps[1..] {
        let case = format!("{count} tunnels");
        herd.grow(*count)?;
        sleep(Duration::from_secs(settling));
        let (begun, first, sent) = (Instant::now(), herd.usage()?, datagrams()?);
        sleep(Duration::from_secs(window));
        let (last, sent, elapsed) = (herd.usage()?, datagrams()? - sent, begun.elapsed().as_secs_f64());
        let more = (count - before.0) as f64;
        for (place, side) in ["proxy", "agents"].into_iter().enumerate() {
            memory.add(&case, side, (last[place].resident as f64 - before.1[place].resident as f64) / more / 1024.0);
            cpu.add(&case, side, (last[place].cpu - first[place].cpu).as_secs_f64() * 1e6 / elapsed / *count as f64);
        }
        packets.add(&case, "tunnel", sent as f64 / elapsed / *count as f64);
        before = (*count, last);
    }
    herd.stop()?;
    let most = Samples::from_iter([memory.samples(&format!("{} tunnels", steps[2]), "proxy").median()]);
    report.aim(Aim::at_most("an idle tunnel at the proxy, KiB", most, AIM_KIB));
    report.remark("Idle datagrams are counted for the whole machine: whatever else used UDP meanwhile is among them.".to_owned());
    [memory, cpu, packets].into_iter().try_for_each(|chart| report.chart(chart))
}

/// A proxy and agents that do nothing.
struct Herd {
    swarms: Vec<Swarm>,
    cluster: Cluster,
    directory: TempDir,
    token: std::path::PathBuf,
    count: u64,
}

impl Herd {
    /// No agent yet, and at most so many ever.
    fn new(most: u64) -> anyhow::Result<Self> {
        let memory = Path::new(MEMORY);
        let directory = if memory.is_dir() { TempDir::new_in(memory)? } else { home()? };
        let cluster = Cluster::start_in(home()?, 1, Proxy::with_defaults);
        let uses = most.to_string();
        let token = cluster.token("agent", &["--name", "swarm-*", "--uses", &uses, "--ttl", "24h"]);
        Ok(Self { swarms: Vec::new(), cluster, directory, token, count: 0 })
    }

    /// Adds agents until there are so many, and waits until each has its tunnel.
    fn grow(&mut self, count: u64) -> anyhow::Result<()> {
        complain(&format!("  {count} tunnels"));
        while self.count < count {
            let settings = Settings {
                first: self.count,
                count: SWARM.min(count - self.count),
                directory: self.directory.path().to_owned(),
                proxies: vec![self.cluster.proxy(0).public_address().to_string()],
                token: self.token.clone(),
                target: "127.0.0.1:9".to_owned(),
            };
            self.count += settings.count;
            let mut swarm = Swarm::start("--swarm", &settings, format!("the swarm up to {}", self.count), &[])?;
            let Answer::Ready = swarm.answer()? else { bail!("a swarm that is not ready") };
            let Answer::Started = swarm.ask(&Order::Start)? else { bail!("a swarm that has not started") };
            self.swarms.push(swarm);
        }
        let begun = Instant::now();
        while self.tunnels()? < count {
            ensure!(begun.elapsed() < LIMIT, "{count} tunnels: not within {LIMIT:?}");
            sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    fn tunnels(&mut self) -> anyhow::Result<u64> {
        let mut sum = Standing::default();
        for swarm in &mut self.swarms {
            let Answer::State(standing) = swarm.ask(&Order::State)? else { bail!("another answer than to `State`") };
            sum.add(&standing);
        }
        Ok(sum.tunnels.values().sum())
    }

    /// What the proxy takes, and what all agents do.
    fn usage(&self) -> anyhow::Result<[Usage; 2]> {
        let proxy = Usage::of(self.cluster.proxy(0).pid().context("the proxy has ended")?)?;
        let mut agents = Usage { cpu: Duration::ZERO, resident: 0, peak: 0 };
        for swarm in &self.swarms {
            let Usage { cpu, resident, peak } = Usage::of(swarm.pid())?;
            agents = Usage { cpu: agents.cpu + cpu, resident: agents.resident + resident, peak: agents.peak + peak };
        }
        Ok([proxy, agents])
    }

    fn stop(self) -> anyhow::Result<()> {
        self.swarms.into_iter().try_for_each(Swarm::stop)
    }
}

/// How many datagrams this machine has sent.
fn datagrams() -> anyhow::Result<u64> {
    let text = std::fs::read_to_string("/proc/net/snmp").context("datagrams are counted in /proc/net/snmp")?;
    let mut lines = text.lines().filter(|line| line.starts_with("Udp:")).map(str::split_whitespace);
    let (names, values) = lines.next().zip(lines.next()).context("no line of UDP in /proc/net/snmp")?;
    let (_, sent) = names.zip(values).find(|(name, _)| *name == "OutDatagrams").context("no OutDatagrams in /proc/net/snmp")?;
    sent.parse().context("a number of datagrams")
}
