//! The cluster, the swarms and what stands around them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tempfile::TempDir;
use tokio::time::Instant;

use super::options::Options;
use super::order::{Answer, Order, Settings, Standing, Swarm};
use super::shared::{Usage, home};
use super::support::{Client, Cluster, Proxy, Target, get};

/// Most agents of one process.
const SWARM: u64 = 2_500;
/// How long anything may take before the run counts as failed: far longer than any bound of the design.
const LIMIT: Duration = Duration::from_secs(600);
/// How often the agents are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// glibc takes buffers of this size or more from the kernel, each by itself, and goes on doing so after some were freed. An agent in a process of its own
/// would never get the buffers of another one, which are no empty pages any more.
const LARGE_APART: (&str, &str) = ("MALLOC_MMAP_THRESHOLD_", "131072");
/// Memory: thousands of directories would measure this machine's one disk, while each agent has its own.
const MEMORY: &str = "/dev/shm";

/// Everything there is.
pub(crate) struct Scene {
    pub(crate) options: Options,
    swarms: Vec<Swarm>,
    pub(crate) cluster: Cluster,
    pub(crate) client: Client,
    echo: Target,
    agents: TempDir,
}

impl Scene {
    /// A cluster of one proxy, and no agent yet.
    pub(crate) fn new(options: &Options) -> anyhow::Result<Self> {
        let memory = Path::new(MEMORY);
        let agents = if memory.is_dir() { TempDir::new_in(memory)? } else { home()? };
        let cluster = Cluster::start_in(home()?, 1, Proxy::with_defaults);
        let count = options.connections.to_string();
        cluster.run_at(cluster.proxy(0), &["strategy", "set", "proxy_peering", "--agent-connection-count", &count, "-o", "json"]);
        let client = cluster.client("bench", "*/*");
        Ok(Self { options: *options, swarms: Vec::new(), cluster, client, echo: Target::echo(), agents })
    }

    /// Starts the swarms, and waits until every agent runs.
    pub(crate) fn start_agents(&mut self) -> anyhow::Result<()> {
        let uses = self.options.agents.to_string();
        let token = self.cluster.token("agent", &["--name", "swarm-*", "--uses", &uses, "--ttl", "24h"]);
        for first in (0..self.options.agents).step_by(usize::try_from(SWARM)?) {
            let settings = Settings {
                first,
                count: SWARM.min(self.options.agents - first),
                directory: self.agents.path().to_owned(),
                proxies: vec![self.cluster.proxy(0).public_address().to_string()],
                token: token.clone(),
                target: self.echo.address().to_string(),
            };
            let swarm = Swarm::start("--swarm", &settings, format!("the swarm from {first} on"), &[LARGE_APART])?;
            let Answer::Ready = swarm.answer()? else { bail!("a swarm that is not ready") };
            self.swarms.push(swarm);
        }
        self.swarms.iter_mut().try_for_each(|swarm| swarm.give(&Order::Start))?;
        for swarm in &self.swarms {
            let Answer::Started = swarm.answer()? else { bail!("a swarm that has not started") };
        }
        Ok(())
    }

    /// Adds two more proxies and hands the leadership on to one of them.
    pub(crate) fn add_proxies(&mut self) -> anyhow::Result<()> {
        for _ in 0..2 {
            self.cluster.add(Proxy::with_defaults);
        }
        self.cluster.wait_healthy();
        let next = self.cluster.proxy(1).name();
        self.cluster.run_at(self.cluster.proxy(0), &["raft", "transfer-leader", next, "-o", "json"]);
        self.cluster.wait_healthy();
        self.wait_settled().map(drop)
    }

    /// How many tunnels each agent ought to have.
    pub(crate) fn wanted(&self) -> u64 {
        let up = self.cluster.proxies().iter().filter(|proxy| proxy.runs()).count() as u64;
        up.min(self.options.connections.into())
    }

    /// Waits until every agent has as many tunnels as it ought to have, each once and no more.
    pub(crate) fn wait_settled(&mut self) -> anyhow::Result<Standing> {
        let (wanted, agents) = (self.wanted(), self.options.agents);
        self.wait_standing("every agent has its tunnels", |standing| standing.agents.get(&wanted) == Some(&agents))
    }

    /// Waits until the agents stand as is asked for.
    pub(crate) fn wait_standing(&mut self, what: &str, is_there: impl Fn(&Standing) -> bool) -> anyhow::Result<Standing> {
        let begun = Instant::now();
        loop {
            let standing = self.standing()?;
            if is_there(&standing) {
                return Ok(standing);
            }
            ensure!(begun.elapsed() < LIMIT, "{what}: not within {LIMIT:?}; {standing:?}");
            sleep(LOOK);
        }
    }

    /// How all agents stand.
    pub(crate) fn standing(&mut self) -> anyhow::Result<Standing> {
        let mut sum = Standing::default();
        for swarm in &mut self.swarms {
            let Answer::State(standing) = swarm.ask(&Order::State)? else { bail!("another answer than to `State`") };
            sum.add(&standing);
        }
        Ok(sum)
    }

    /// Follows the agents that have a tunnel to the proxy with this index, and tells how many those are.
    pub(crate) fn follow(&mut self, index: usize) -> anyhow::Result<u64> {
        let (proxy, mut sum) = (self.id(index)?, 0);
        for swarm in &mut self.swarms {
            let Answer::Following { affected } = swarm.ask(&Order::Follow { proxy })? else { bail!("another answer than to `Follow`") };
            sum += affected;
        }
        Ok(sum)
    }

    /// When those that are followed had as many tunnels elsewhere.
    pub(crate) fn moves(&mut self) -> anyhow::Result<BTreeMap<u64, i64>> {
        let mut all = BTreeMap::new();
        for swarm in &mut self.swarms {
            let Answer::Moves { of } = swarm.ask(&Order::Moves)? else { bail!("another answer than to `Moves`") };
            for (number, moved) in of {
                all.insert(number, moved.with_context(|| format!("agent {number} has not come back"))?);
            }
        }
        Ok(all)
    }

    /// Fails unless every proxy that runs has a valid route of each agent, none of them to the proxies that do not run.
    pub(crate) fn check_routes(&self) -> anyhow::Result<()> {
        let running: Vec<_> = self.cluster.proxies().iter().filter(|proxy| proxy.runs()).collect();
        let names: BTreeSet<_> = running.iter().map(|proxy| proxy.name()).collect();
        for proxy in &running {
            let view = proxy.get("/v1/routes").context("a proxy does not answer")?;
            let routes = view["routes"].as_array().context("no routes")?;
            let agents: BTreeSet<_> = routes.iter().filter_map(|route| route["agent"].as_str()).collect();
            let elsewhere = routes.iter().filter(|route| !route["proxy"].as_str().is_some_and(|name| names.contains(name))).count();
            ensure!(agents.len() as u64 == self.options.agents, "`{}` has routes of {} agents", proxy.name(), agents.len());
            ensure!(elsewhere == 0, "`{}` has {elsewhere} routes to proxies that are down", proxy.name());
        }
        Ok(())
    }

    /// What each proxy that runs takes, by index.
    pub(crate) fn proxies(&self) -> anyhow::Result<BTreeMap<usize, Usage>> {
        let running = self.cluster.proxies().iter().enumerate().filter_map(|(index, proxy)| Some((index, proxy.pid()?)));
        running.map(|(index, pid)| Ok((index, Usage::of(pid)?))).collect()
    }

    /// Forgets the most memory that each proxy had.
    pub(crate) fn forget_peaks(&self) -> anyhow::Result<()> {
        self.cluster.proxies().iter().filter_map(Proxy::pid).try_for_each(Usage::forget_peak)
    }

    /// What all swarms together take.
    pub(crate) fn agents_usage(&self) -> anyhow::Result<Usage> {
        let mut sum = Usage { cpu: Duration::ZERO, resident: 0, peak: 0 };
        for swarm in &self.swarms {
            let Usage { cpu, resident, peak } = Usage::of(swarm.pid())?;
            sum = Usage { cpu: sum.cpu + cpu, resident: sum.resident + resident, peak: sum.peak + peak };
        }
        Ok(sum)
    }

    /// The sum of a counter of the proxies with these indexes; `None` if none of them shows it, as one by reason before its first count.
    pub(crate) fn counter_of(&self, indexes: &[usize], name: &str) -> anyhow::Result<Option<f64>> {
        let mut sum = None;
        for index in indexes {
            let (_, text) = get(self.cluster.proxy(*index).http_address(), "/metrics")?;
            for (_, value) in text.lines().filter_map(|line| line.strip_prefix(name)?.rsplit_once(' ')) {
                sum = Some(sum.unwrap_or_default() + value.parse::<f64>()?);
            }
        }
        Ok(sum)
    }

    /// The highest term that any proxy knows.
    pub(crate) fn term(&self) -> anyhow::Result<u64> {
        let terms = self.cluster.proxies().iter().filter(|proxy| proxy.runs());
        let terms = terms.filter_map(|proxy| proxy.status()?["term"].as_u64());
        terms.max().context("no proxy tells its term")
    }

    /// Ends everything in good order.
    pub(crate) fn stop(self) -> anyhow::Result<()> {
        self.swarms.into_iter().try_for_each(Swarm::stop)
    }

    fn id(&self, index: usize) -> anyhow::Result<u64> {
        let proxy = self.cluster.proxy(index);
        let status = proxy.status().context("a proxy does not answer")?;
        let rows = status["proxies"].as_array().context("no proxies")?;
        let own = rows.iter().find(|row| row["name"] == proxy.name()).context("a proxy that does not know itself")?;
        own["id"].as_u64().context("a proxy without an id")
    }
}
