//! `warren strategy`, `/v1/strategy`.

use serde::{Deserialize, Serialize};
use warren_raft::{ProxyName, Strategy, StrategyKind};

use super::{ProxyState, Schema, StrategyView};

/// How tunnels are to be held from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrategyRequest {
    /// To all proxies or to some.
    #[serde(rename = "type")]
    pub kind: StrategyKind,
    /// To how many, when to some; `None` for as many as it was.
    pub agent_connection_count: Option<u32>,
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
    /// The proxies, by id.
    pub proxies: Vec<ProxyTunnels>,
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
}

/// A strategy that was set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrategySet {
    /// 1.
    pub schema: Schema,
    /// What it is.
    pub strategy: StrategyView,
    /// What it was.
    pub before: StrategyView,
}
