//! `warren`: proxies, an agent and `warren forward`.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context;

use crate::shared::home;
use crate::support::{Client, Cluster, Process, Proxy};

/// Proxies vote at once, so that a cluster stands soon; all else is as whoever configures nothing has it.
const SOON: &str = "[raft]\npromote_after = \"200ms\"\n";
/// The agent and its service.
const TARGET: &str = "bench/target";

/// A cluster with an agent and an entry. Dropping it kills them.
pub(crate) struct Warren {
    pub(crate) entry: Process,
    pub(crate) agent: Process,
    pub(crate) client: Client,
    pub(crate) cluster: Cluster,
    /// The indexes of the proxies on the way, from the entry to the agent.
    way: Vec<usize>,
    address: SocketAddr,
}

impl Warren {
    /// Starts one in which as many proxies as `hops` are on the way to `target`. Its processes have these variables in their environment.
    pub(crate) fn start(hops: usize, variables: &[(&str, &str)], target: SocketAddr) -> anyhow::Result<Self> {
        Self::start_with(hops, variables, target, |proxy| proxy)
    }

    /// The same with two proxies that keep so many connections for dials to each other.
    pub(crate) fn pool(data_connections: u8, target: SocketAddr) -> anyhow::Result<Self> {
        Self::start_with(2, &[], target, |proxy| proxy.keeping(data_connections))
    }

    fn start_with(hops: usize, variables: &[(&str, &str)], target: SocketAddr, make: impl Fn(Proxy) -> Proxy) -> anyhow::Result<Self> {
        let configuration = format!("{SOON}{}", as_configuration(variables));
        let cluster = Cluster::start_in(home()?, hops, |proxy| make(proxy.with_defaults().configured(&configuration)));
        let agent = agent(&cluster, variables, target)?;
        let client = cluster.client("bench", "*/*");
        let owner = cluster.owner_of("bench");
        let way: Vec<_> = (0..hops).filter(|index| *index != owner).chain([owner]).collect();
        let (entry, address) = entry(&cluster, &client, way[0], variables)?;
        Ok(Self { entry, agent, client, cluster, way, address })
    }

    /// Where the entry listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The processes that bytes go through.
    pub(crate) fn pids(&self) -> Vec<u32> {
        let proxies = self.proxies().filter_map(Proxy::pid);
        [self.entry.pid()].into_iter().chain(proxies).chain([self.agent.pid()]).collect()
    }

    /// The proxies on the way, from the entry to the agent.
    pub(crate) fn proxies(&self) -> impl Iterator<Item = &Proxy> {
        self.way.iter().map(|index| self.cluster.proxy(*index))
    }
}

/// Starts `warren agent`, and waits until every proxy knows where it is.
fn agent(cluster: &Cluster, variables: &[(&str, &str)], target: SocketAddr) -> anyhow::Result<Process> {
    let (token, data_dir) = (cluster.token("agent", &[]), cluster.home().join("agent"));
    let entries: Vec<_> = cluster.proxies().iter().map(|proxy| proxy.public_address().to_string()).collect();
    let entries = entries.join(",");
    let words = ["agent", "--name", "bench", "--data-dir", text(&data_dir)?, "--token-file", text(&token)?];
    let publish = format!("target={target}");
    let words = [&words[..], &["--proxy", &entries, "--publish", &publish]].concat();
    let process = Process::start("agent", cluster.home(), &words, variables);
    cluster.wait_online("bench");
    Ok(process)
}

/// Starts `warren forward` through the proxy with this index.
fn entry(cluster: &Cluster, client: &Client, index: usize, variables: &[(&str, &str)]) -> anyhow::Result<(Process, SocketAddr)> {
    let address = cluster.proxy(index).public_address().to_string();
    let words = ["forward", "0", TARGET, "--proxy", &address, "--identity", text(client.identity())?];
    let mut process = Process::start("entry", cluster.home(), &words, variables);
    let line = process.wait_for_line(&format!(" -> {TARGET}"));
    let (address, _) = line.split_once(" -> ").context("no address")?;
    Ok((process, address.parse()?))
}

/// `WARREN_TRANSPORT_MAX_UDP_PAYLOAD` as the key of a proxy's configuration: its processes are started by the cluster.
fn as_configuration(variables: &[(&str, &str)]) -> String {
    let keys = variables.iter().filter_map(|(name, value)| Some((name.strip_prefix("WARREN_TRANSPORT_")?.to_lowercase(), value)));
    let lines: String = keys.map(|(key, value)| format!("{key} = {value:?}\n")).collect();
    if lines.is_empty() { lines } else { format!("[transport]\n{lines}") }
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("a path that is no text")
}
