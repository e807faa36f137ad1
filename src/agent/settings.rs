//! What an agent is to be.

use std::collections::BTreeSet;
use std::path::PathBuf;

use warren_raft::{AgentName, Service, ServiceName};

/// Where the token comes from when it is needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TokenFrom {
    /// There is none: the machine must have enrolled before.
    #[default]
    Nowhere,
    /// A file, or standard input for `-`.
    File(PathBuf),
}

/// What an agent is to be.
#[derive(Clone, Debug)]
pub struct Agent {
    /// Its name.
    pub name: AgentName,
    /// The addresses of proxies from its configuration, `HOST:PORT`.
    pub proxies: Vec<String>,
    /// What it publishes.
    pub services: Vec<Service>,
    /// The services whose targets want to be told where each connection comes from, by the PROXY protocol.
    pub told: BTreeSet<ServiceName>,
    /// Where its identity is kept.
    pub data_dir: PathBuf,
    /// Reads the token, when it has no identity yet.
    pub token: TokenFrom,
}
