//! `warren agents ls`, `/v1/agents`.

use serde::{Deserialize, Serialize};
use warren_raft::{AgentName, Pattern, ProxyName, ServiceName};

use super::{RouteRow, Schema, Time};

/// Every agent that enrolled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentsView {
    /// 1.
    pub schema: Schema,
    /// The agents, by name.
    pub agents: Vec<AgentRow>,
}

/// `warren agents show`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentView {
    /// 1.
    pub schema: Schema,
    /// The agent.
    pub agent: AgentRow,
    /// Its tunnels, by proxy.
    #[serde(default)]
    pub routes: Vec<RouteRow>,
}

/// One agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentRow {
    /// Its name.
    pub name: AgentName,
    /// Whether it has a route.
    pub online: bool,
    /// What it publishes, by name.
    pub services: Vec<ServiceRow>,
    /// The proxies at which it has a tunnel.
    pub proxies: Vec<ProxyName>,
    /// When a tunnel of it was last opened or closed; `None` until the first.
    pub last_seen: Option<Time>,
    /// Its version of warren; empty until its first tunnel.
    pub version: String,
    /// What it may publish; `None`: anything.
    #[serde(default)]
    pub allow: Option<Vec<Pattern>>,
}

/// One service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRow {
    /// Its name.
    pub name: ServiceName,
    /// What the agent dials for it.
    pub target: String,
    /// What kind of bytes it takes: `tcp`.
    pub kind: String,
}
