//! `warren ping` without a target: what a client may reach.

use serde::Serialize;
use warren_raft::{AgentName, ServiceName};

use super::Schema;

/// What a client may reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServicesView {
    /// 1.
    pub schema: Schema,
    /// By agent and service.
    pub services: Vec<ReachableRow>,
    /// Whether there are, or may be, further ones.
    pub more: bool,
}

/// A service that the client may reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReachableRow {
    /// As it is dialled.
    pub target: String,
    /// Whose it is.
    pub agent: AgentName,
    /// Its name.
    pub service: ServiceName,
    /// Whether the agent has a tunnel.
    pub online: bool,
}
