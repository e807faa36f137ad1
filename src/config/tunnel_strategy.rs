//! `[tunnel_strategy]`: how agents hold their tunnels, as a cluster begins.

use std::num::NonZeroU32;

use warren_raft::{Strategy, StrategyKind};

use super::reader::Reader;

/// `[tunnel_strategy]`. Only bootstrap reads it; later it is a replicated setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TunnelStrategyTable {
    /// `type`: to all proxies or to some.
    pub kind: StrategyKind,
    /// To how many, when to some.
    pub agent_connection_count: NonZeroU32,
}

impl TunnelStrategyTable {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let mut section = reader.section("tunnel_strategy");
        Self {
            kind: section.get("type", StrategyKind::ProxyPeering),
            agent_connection_count: section.count("agent_connection_count", NonZeroU32::MIN, Strategy::MAX_CONNECTIONS),
        }
    }

    /// What a new cluster begins with.
    pub fn strategy(self) -> Strategy {
        Strategy { kind: self.kind, agent_connection_count: self.agent_connection_count.get() }
    }
}
