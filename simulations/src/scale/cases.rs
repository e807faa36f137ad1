//! Which sizes are run, and what happens at each.

use warren_raft::{Strategy, StrategyKind};

/// The proxies of the sweep.
const PROXIES: [u64; 5] = [3, 9, 27, 50, 100];
/// The agents of it.
const AGENTS: [u32; 5] = [1_000, 3_000, 10_000, 30_000, 100_000];

/// One size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// How many proxies.
    pub proxies: u64,
    /// How many agents.
    pub agents: u32,
    /// How agents hold their tunnels.
    pub strategy: Strategy,
    /// Whether all proxies are restarted in turn, too: that takes long where there are many.
    pub rolling: bool,
    /// In how many zones the proxies are.
    pub zones: u64,
}

/// How much is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Seconds: the smallest sizes.
    Quick,
    /// Minutes: everything.
    Full,
}

impl Case {
    /// The begin of its figures' names.
    pub fn prefix(&self) -> String {
        format!("{}x{}/{}", self.proxies, self.agents, self.strategy_name())
    }

    fn strategy_name(&self) -> String {
        let zones = if self.zones > 1 { format!("-zones-{}", self.zones) } else { String::new() };
        match self.strategy.kind {
            StrategyKind::AgentMesh => format!("mesh{zones}"),
            StrategyKind::ProxyPeering => format!("peering-{}{zones}", self.strategy.agent_connection_count),
        }
    }
}

/// The cases of a run, the smallest first.
pub fn cases(effort: Effort) -> Vec<Case> {
    let mut cases = Vec::new();
    for (proxies, agents) in sizes(effort) {
        for count in 1..=3 {
            if !is_run((proxies, agents), count) {
                continue;
            }
            let strategy = Strategy { kind: StrategyKind::ProxyPeering, agent_connection_count: count };
            let rolling = count == 2 && proxies * u64::from(agents) <= 100_000;
            cases.push(Case { proxies, agents, strategy, rolling, zones: 1 });
        }
        // A tunnel from each to each: of a size that still takes seconds.
        if proxies * u64::from(agents) <= 90_000 && agents <= 10_000 {
            let strategy = Strategy { kind: StrategyKind::AgentMesh, agent_connection_count: 1 };
            cases.push(Case { proxies, agents, strategy, rolling: false, zones: 1 });
        }
        if (proxies, agents) == (9, 10_000) {
            let strategy = Strategy { kind: StrategyKind::ProxyPeering, agent_connection_count: 2 };
            cases.push(Case { proxies, agents, strategy, rolling: true, zones: 3 });
        }
    }
    cases
}

/// Whether agents with so many tunnels each are run at this size. The largest ones take a minute each, and more tunnels than that for each proxy more memory than a machine has that
/// only relays; sizes between those that matter are for the curves of two tunnels each.
fn is_run((proxies, agents): (u64, u32), count: u32) -> bool {
    match agents {
        100_000 => proxies >= 27 && count <= 2,
        30_000 => [9, 27, 100].contains(&proxies) && count == 2,
        3_000 => count == 2,
        _ => true,
    }
}

fn sizes(effort: Effort) -> Vec<(u64, u32)> {
    match effort {
        Effort::Quick => vec![(3, 300), (9, 600)],
        Effort::Full => PROXIES.into_iter().flat_map(|proxies| AGENTS.map(|agents| (proxies, agents))).collect(),
    }
}
