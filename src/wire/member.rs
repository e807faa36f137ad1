//! The cluster as agents, clients and joining proxies are told of it.

use serde::{Deserialize, Serialize};
use warren_raft::{ProxyId, Strategy};

/// A proxy as others need to know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Which.
    pub id: ProxyId,
    /// Its name.
    pub name: String,
    /// Where proxies reach it; only a proxy is told.
    pub peer_address: String,
    /// Where agents and clients reach it.
    pub public_addresses: Vec<String>,
    /// Its zone.
    pub zone: String,
    /// Whether it takes tunnels.
    pub state: MemberState,
    /// How many tunnels it held when this was said; a proxy does not tell all agents each time that it changes.
    pub tunnels: u64,
}

impl Member {
    /// Whether a tunnel to it is worth having.
    pub fn is_up(&self) -> bool {
        self.state == MemberState::Up
    }
}

/// Whether a proxy takes tunnels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberState {
    /// 0: it does.
    Up,
    /// 1: it gives away those it has, and takes one only from an agent that finds no other proxy.
    Draining,
    /// 2: it has no epoch: it is down, or cut off.
    Down,
}

/// The cluster as an agent is told of it, and again whenever it changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterView {
    /// The proxies.
    #[serde(with = "super::growing")]
    pub proxies: Vec<Member>,
    /// How tunnels are to be held.
    #[serde(with = "strategy")]
    pub strategy: Strategy,
    /// After how many milliseconds without a packet from a proxy an agent asks it for a sign of life.
    pub pulse_ms: u32,
    /// How far the log was applied when this was said, at least: what is told by a proxy that lags behind is older than what another one has told.
    pub index: u64,
}

/// A strategy as a record that can grow. One that a later version has added counts as `proxy_peering`: its count is a number of tunnels, whatever is new.
mod strategy {
    use serde::{Deserializer, Serializer};
    use warren_raft::{Strategy, StrategyKind};

    use crate::wire::record;

    /// The numbers of the kinds in the routing store.
    const AGENT_MESH: u32 = 0;

    pub(super) fn serialize<S: Serializer>(strategy: &Strategy, serializer: S) -> Result<S::Ok, S::Error> {
        record::serialize(strategy, serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Strategy, D::Error> {
        let (kind, agent_connection_count): (u32, u32) = record::deserialize(deserializer)?;
        let kind = if kind == AGENT_MESH { StrategyKind::AgentMesh } else { StrategyKind::ProxyPeering };
        Ok(Strategy { kind, agent_connection_count })
    }
}
