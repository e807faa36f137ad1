//! What the benchmark tells a swarm to do, and its answers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::shared::Worker;

/// A swarm in a process of its own, seen from the benchmark.
pub(crate) type Swarm = Worker<Order, Answer>;

/// What a swarm begins with.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// The number of its first agent.
    pub(crate) first: u64,
    /// How many it has.
    pub(crate) count: u64,
    /// Where they keep everything.
    pub(crate) directory: PathBuf,
    /// The public addresses that they are configured with.
    pub(crate) proxies: Vec<String>,
    /// The file of the token that admits all of them.
    pub(crate) token: PathBuf,
    /// Where each of them leads.
    pub(crate) target: String,
}

/// An order.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Start the agents, which enrols them.
    Start,
    /// Tell how the agents stand.
    State,
    /// Note from now on when each agent that has a tunnel to this proxy has as many elsewhere.
    Follow { proxy: u64 },
    /// Tell what was noted.
    Moves,
}

/// An answer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// It runs.
    Ready,
    /// All agents run.
    Started,
    /// How the agents stand.
    State(Standing),
    /// So many agents have a tunnel to the proxy.
    Following { affected: u64 },
    /// When each agent that had a tunnel to the proxy, by number, had as many elsewhere, by the clock that all processes share.
    Moves { of: Vec<(u64, Option<i64>)> },
}

/// How agents stand.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Standing {
    /// How many tunnels there are to each proxy whose routes are committed.
    pub(crate) tunnels: BTreeMap<u64, u64>,
    /// How many agents have that many tunnels.
    pub(crate) agents: BTreeMap<u64, u64>,
    /// How many of those that are followed have not as many tunnels elsewhere yet.
    pub(crate) unmoved: u64,
}

impl Standing {
    /// Adds the agents of another swarm.
    pub(crate) fn add(&mut self, other: &Self) {
        let add = |sum: &mut BTreeMap<u64, u64>, more: &BTreeMap<u64, u64>| {
            more.iter().for_each(|(key, count)| *sum.entry(*key).or_default() += count);
        };
        add(&mut self.tunnels, &other.tunnels);
        add(&mut self.agents, &other.agents);
        self.unmoved += other.unmoved;
    }
}

/// The name of an agent.
pub(crate) fn name(number: u64) -> String {
    format!("swarm-{number}")
}
