//! What is set: `config.toml`, `WARREN_*` variables and flags, read into checked structures.
//!
//! Flags beat variables, which beat the file, which beats the defaults; where each value came from is kept for `warren
//! config show`. Every problem is reported, not only the first, each with the line it stands in. Nothing here binds a
//! socket, resolves a name or reads a secret, and nothing outside this module reads a variable or the file.
//!
//! Read in this order: [`Config`] (all of it), one file per table, then the machinery: `reader` (layers, origins, unknown
//! keys), `setting` (one value from text or TOML), [`error`](ConfigErrors).

mod address;
mod admin;
mod agent;
mod audit;
mod client;
mod cluster;
mod document;
pub mod documented;
mod elements;
mod error;
mod format;
mod ingress;
mod inline_table;
mod limits;
mod listening;
mod liveness;
mod near;
mod overrides;
mod peer;
mod proxy;
mod public;
mod raft;
mod reader;
pub mod reload;
mod role;
mod root;
mod schema;
mod setting;
mod size;
mod strangers;
mod telemetry;
#[cfg(test)]
mod tests;
mod token_source;
mod transport;
mod tunnel_strategy;
mod verbs;

pub use address::{AddressError, HostPort};
pub use admin::AdminTable;
pub use agent::{AgentSettings, AgentTable, Announcing, ServiceSettings};
pub use audit::{AuditOutput, AuditTable};
pub use client::{ConnectSettings, EnrollSettings, Forward, ForwardError, ForwardSettings, SocksSettings};
pub use cluster::ClusterTable;
pub use error::{ConfigError, ConfigErrors, Place};
pub use format::{FormatError, format};
pub use ingress::{IngressTable, NamedSettings, PortSettings};
pub use limits::LimitsTable;
pub use liveness::LivenessTable;
pub use overrides::Overrides;
pub use peer::PeerTable;
pub use proxy::ProxyTable;
pub use public::PublicTable;
pub use raft::RaftTable;
pub use reader::{Origin, Shown};
pub use role::Role;
pub use root::Config;
pub use schema::schema;
pub use size::Size;
pub use telemetry::{LogFilter, LogFormat, TelemetryTable};
pub use token_source::TokenSource;
pub use transport::TransportTable;
pub use tunnel_strategy::TunnelStrategyTable;
pub use verbs::{AfterEnroll, DevSettings, JoinSettings};
