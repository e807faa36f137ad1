//! What a proxy is to be.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use warren_raft::{IngressAdmits, ProxyName, Reach, Strategy};

use super::member::Joining;
use super::reloads::Reloads;
use crate::ingress::{Network, Protocol};
use crate::limits::Limits;

/// What a proxy is to be.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// Its name.
    pub name: ProxyName,
    /// Where it keeps everything.
    pub data_dir: PathBuf,
    /// Its zone; empty when there is only one.
    pub zone: String,
    /// How long streams may run on when it goes away.
    pub drain_timeout: Duration,
    /// The peer port, UDP.
    pub peer_listen: SocketAddr,
    /// Where peers reach it, if not where it listens.
    pub peer_advertise: Option<String>,
    /// Connections for dials that are kept to each peer, 1 to 16.
    pub data_connections: u8,
    /// The public port, UDP.
    pub public_listen: SocketAddr,
    /// Where agents and clients reach it, if not where it listens.
    pub public_advertise: Vec<String>,
    /// The name of a new cluster.
    pub cluster_name: String,
    /// How agents of a new cluster hold their tunnels.
    pub strategy: Strategy,
    /// How long the certificates live that it issues.
    pub certificate_lifetime: Duration,
    /// How it joins a cluster; without it, a new data directory makes a new one.
    pub join: Option<Joining>,
    /// The routing store's timings.
    pub raft: RaftSettings,
    /// Streams of one agent's tunnel at the same time.
    pub streams_per_agent: u64,
    /// Longest budget of a dial.
    pub dial_timeout: Duration,
    /// What else one party may use.
    pub limits: Limits,
    /// Where operators on this machine reach it.
    pub admin_socket: PathBuf,
    /// Where probes and scrapers reach it; `None` for nowhere.
    pub http_listen: Option<SocketAddr>,
    /// How an operator's wish to reload reaches whoever has read the configuration.
    pub reloads: Reloads,
    /// Its ways in for programs that know nothing of warren.
    pub ingress: Vec<IngressDoor>,
}

/// A way in for programs that know nothing of warren.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngressDoor {
    /// Where it listens, TCP.
    pub listen: SocketAddr,
    /// What is spoken there.
    pub protocol: Protocol,
    /// Whom it lets in.
    pub admits: IngressAdmits,
    /// What whoever shows no identity may reach.
    pub reach: Vec<Reach>,
    /// The networks from which a PROXY header is expected in front; none: from nowhere.
    pub trusted: Vec<Network>,
}

/// The routing store's timings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RaftSettings {
    /// How often a leader shows itself.
    pub heartbeat: Duration,
    /// How long a follower waits for it.
    pub election_timeout: Duration,
    /// Most voters.
    pub max_voters: usize,
    /// How long a learner must have been healthy to be promoted.
    pub promote_after: Duration,
    /// How long a lease lasts.
    pub lease: Duration,
}
