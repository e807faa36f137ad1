//! How agents hold their tunnels.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How agents hold their tunnels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strategy {
    /// To all proxies or to some.
    pub kind: StrategyKind,
    /// To how many, at least 1, when to some.
    pub agent_connection_count: u32,
}

impl Strategy {
    /// Most tunnels of one agent, whatever the strategy says.
    pub const MAX_TUNNELS: usize = 256;
    /// Most that `agent_connection_count` may be set to.
    pub const MAX_CONNECTIONS: u32 = 64;

    /// How many tunnels each agent is to hold while so many proxies take them: never more than there are, and at least one.
    pub fn wanted(self, proxies: usize) -> usize {
        let most = proxies.clamp(1, Self::MAX_TUNNELS);
        match self.kind {
            StrategyKind::AgentMesh => most,
            StrategyKind::ProxyPeering => usize::try_from(self.agent_connection_count).unwrap_or(Self::MAX_TUNNELS).clamp(1, most),
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            StrategyKind::AgentMesh => write!(f, "{}", self.kind),
            StrategyKind::ProxyPeering => write!(f, "{} with {} per agent", self.kind, self.agent_connection_count),
        }
    }
}

impl Default for Strategy {
    fn default() -> Self {
        Self { kind: StrategyKind::ProxyPeering, agent_connection_count: 1 }
    }
}

/// To all proxies or to some.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StrategyKind {
    /// 0: every agent holds a tunnel to every proxy.
    AgentMesh,
    /// 1: every agent holds a tunnel to `agent_connection_count` proxies; the others reach it through them.
    ProxyPeering,
}

/// A word that names no strategy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such strategy: it is `agent_mesh` or `proxy_peering`")]
pub struct UnknownStrategy;

impl FromStr for StrategyKind {
    type Err = UnknownStrategy;

    fn from_str(text: &str) -> Result<Self, UnknownStrategy> {
        match text {
            "agent_mesh" => Ok(Self::AgentMesh),
            "proxy_peering" => Ok(Self::ProxyPeering),
            _ => Err(UnknownStrategy),
        }
    }
}

impl fmt::Display for StrategyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::AgentMesh => "agent_mesh",
            Self::ProxyPeering => "proxy_peering",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_wants_more_tunnels_than_there_are_proxies_or_none() {
        let (mesh, peering) = (StrategyKind::AgentMesh, StrategyKind::ProxyPeering);
        let table = [
            (mesh, 1, 0, 1),
            (mesh, 1, 3, 3),
            (mesh, 5, 3, 3),
            (mesh, 1, 1_000, Strategy::MAX_TUNNELS),
            (peering, 0, 3, 1),
            (peering, 2, 0, 1),
            (peering, 2, 3, 2),
            (peering, 9, 3, 3),
            (peering, u32::MAX, 1_000, Strategy::MAX_TUNNELS),
        ];
        for (kind, agent_connection_count, proxies, wanted) in table {
            let strategy = Strategy { kind, agent_connection_count };
            assert_eq!(strategy.wanted(proxies), wanted, "{strategy:?} of {proxies}");
        }
    }

    #[test]
    fn its_words_are_read_as_they_are_shown() {
        for kind in [StrategyKind::AgentMesh, StrategyKind::ProxyPeering] {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        assert_eq!("mesh".parse::<StrategyKind>(), Err(UnknownStrategy));
    }
}
