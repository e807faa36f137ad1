//! `warren routes ls`, `/v1/routes`.

use serde::{Deserialize, Serialize};
use warren_raft::{AgentName, Epoch, ProxyName, Sequence};

use super::{Schema, Time};

/// Every route that is valid, as the asked proxy knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutesView {
    /// 1.
    pub schema: Schema,
    /// The last log index that proxy has applied.
    pub applied_index: u64,
    /// The routes, by agent and proxy.
    pub routes: Vec<RouteRow>,
}

/// One route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteRow {
    /// Whose tunnel.
    pub agent: AgentName,
    /// Where it ends.
    pub proxy: ProxyName,
    /// The proxy's epoch.
    pub epoch: Epoch,
    /// The agent's number for the tunnel.
    pub sequence: Sequence,
    /// When it was registered.
    pub since: Time,
}
