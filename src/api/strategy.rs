//! `warren strategy`, `/v1/strategy`.

use serde::{Deserialize, Serialize};
use warren_raft::{AgentName, ProxyName, Strategy, StrategyKind};

use super::{ProxyState, Schema, StrategyView, Time};

/// How tunnels are to be held from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrategyRequest {
    /// To all proxies or to some.
    #[serde(rename = "type")]
    pub kind: StrategyKind,
    /// To how many, when to some; `None` for as many as it was.
    pub agent_connection_count: Option<u32>,
    /// Whether agents may become unreachable through some proxies.
    #[serde(default)]
    pub accept_cut_off: bool,
}

/// Why a [`StrategyRequest`] makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StrategyRequestError {
    /// A count out of bounds.
    #[error("the count of connections is from 1 to {most}, not {0}", most = Strategy::MAX_CONNECTIONS)]
    Count(u32),
    /// A count where there is none.
    #[error("with `agent_mesh` agents hold a tunnel to every proxy: it has no count of connections")]
    CountOfMesh,
}

impl StrategyRequest {
    /// The strategy that is asked for, where it was `before`.
    ///
    /// # Errors
    /// [`StrategyRequestError`] if it makes no sense.
    pub fn strategy(&self, before: Strategy) -> Result<Strategy, StrategyRequestError> {
        self.check()?;
        let agent_connection_count = self.agent_connection_count.unwrap_or(before.agent_connection_count);
        Ok(Strategy { kind: self.kind, agent_connection_count })
    }

    /// Whether it makes sense.
    ///
    /// # Errors
    /// [`StrategyRequestError`] if it does not.
    pub fn check(&self) -> Result<(), StrategyRequestError> {
        match (self.kind, self.agent_connection_count) {
            (StrategyKind::AgentMesh, Some(_)) => Err(StrategyRequestError::CountOfMesh),
            (_, Some(count)) if count == 0 || count > Strategy::MAX_CONNECTIONS => Err(StrategyRequestError::Count(count)),
            (_, _) => Ok(()),
        }
    }
}

/// `strategy show`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrategyShown {
    /// 1.
    pub schema: Schema,
    /// How agents are to hold their tunnels.
    pub strategy: StrategyView,
    /// How many tunnels that is for each agent now.
    pub wanted: u64,
    /// Whether a quorum has confirmed that nothing newer was acknowledged before this was asked.
    pub confirmed: bool,
    /// Since when strategy, proxies and tunnels have been as they are, as far as the asked proxy has seen it.
    pub unchanged_since: Time,
    /// How far the agents are.
    pub agents: AgentCounts,
    /// The proxies, by id.
    pub proxies: Vec<ProxyTunnels>,
    /// Agents that have not got the tunnels they ought to have, those that are stuck first; at most [`MAX_LAGGING`].
    pub lagging: Vec<LaggingAgent>,
}

impl StrategyShown {
    /// Whether every agent that is online has what it ought to have, for certain.
    pub fn is_converged(&self) -> bool {
        self.confirmed && self.agents.moving == 0 && self.agents.stuck == 0
    }
}

/// Most agents that are named.
pub const MAX_LAGGING: usize = 20;

/// How far the agents are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentCounts {
    /// They have the tunnels that they ought to have, and no others.
    pub converged: u64,
    /// They are on the way.
    pub moving: u64,
    /// Something is in their way, or they have not got there for 30 seconds.
    pub stuck: u64,
    /// They have no tunnel at all.
    pub offline: u64,
}

/// The tunnels at a proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyTunnels {
    /// The proxy's name.
    pub name: ProxyName,
    /// How it does.
    pub state: ProxyState,
    /// How many agents have a route there.
    pub tunnels: u64,
    /// How many tunnels are there, those that carry their last streams too; `None` when unknown.
    pub connections: Option<u64>,
}

/// An agent that has not got the tunnels it ought to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaggingAgent {
    /// Its name.
    pub agent: AgentName,
    /// Whether it is stuck.
    pub stuck: bool,
    /// How many tunnels it wants.
    pub wanted: u64,
    /// How many it has.
    pub held: u64,
    /// For how many seconds it has not had them.
    pub seconds: u64,
    /// What it says is in its way.
    pub obstacles: Vec<ObstacleRow>,
}

/// Why an agent has no tunnel to a proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObstacleRow {
    /// The proxy; `None` for the addresses of the agent's configuration.
    pub proxy: Option<ProxyName>,
    /// Why its last try failed.
    pub reason: String,
}

/// What a change of strategy would do, or does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrategyPlan {
    /// 1.
    pub schema: Schema,
    /// Whether the change was made; otherwise nothing was changed.
    pub done: bool,
    /// Whether a quorum has confirmed what this is reckoned from.
    pub confirmed: bool,
    /// Whether agents that can be reached now could not be through every proxy, so that it wants `--yes`.
    pub wants_yes: bool,
    /// What it is to be.
    pub strategy: StrategyView,
    /// What it was before.
    pub before: StrategyView,
    /// How many tunnels each agent would hold.
    pub wanted: u64,
    /// How many agents are online.
    pub agents: u64,
    /// How many tunnels would be opened.
    pub opened: u64,
    /// How many would be closed.
    pub closed: u64,
    /// What that means for each proxy, by id.
    pub proxies: Vec<ProxyPlan>,
    /// What it means for each zone, where there are several.
    pub zones: Vec<ZonePlan>,
    /// The proxies through which agents would be out of reach.
    pub cut_off: Vec<CutOffRow>,
    /// Agents that say today that they reach fewer proxies than would be wanted, at most [`MAX_LAGGING`].
    pub short: Vec<LaggingAgent>,
}

/// What a change of strategy means for a proxy. With agents that choose by chance, the numbers are what is to be expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyPlan {
    /// Its name.
    pub name: ProxyName,
    /// How many tunnels it has.
    pub tunnels_now: u64,
    /// How many it would have.
    pub tunnels_then: u64,
    /// How many agents would have their only tunnel there: they cannot be reached from its loss until they have reconnected.
    pub only_then: u64,
}

/// What a change of strategy means for a zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZonePlan {
    /// The zone; empty for proxies that are in none.
    pub zone: String,
    /// How many agents would have all of their tunnels there: they cannot be reached from its loss until they have reconnected.
    pub only_then: u64,
}

/// A proxy that has no connection to some others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutOffRow {
    /// The proxy where dials enter.
    pub through: ProxyName,
    /// The proxies that it cannot hand them on to.
    pub unreachable: Vec<ProxyName>,
    /// How many agents are out of its reach now.
    pub agents_now: u64,
    /// How many would be.
    pub agents_then: u64,
}
