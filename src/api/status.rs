//! `warren status`, `/v1/status`.

use std::fmt;

use serde::{Deserialize, Serialize};
use warren_raft::{AgentName, ProxyId, ProxyName, Strategy};

use super::{DrainRow, IngressRow, Schema, SerialText, Time};

/// The verdict on a cluster, as the asked proxy sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatusView {
    /// 1.
    pub schema: Schema,
    /// The cluster's name.
    pub cluster: String,
    /// Whether nothing is wrong: a leader, every voter up, no problems.
    pub healthy: bool,
    /// The leader's name; `None` while none is known to live, or there is no quorum.
    pub leader: Option<ProxyName>,
    /// The Raft term.
    pub term: u64,
    /// The last log index known to be committed.
    pub committed_index: u64,
    /// How many proxies vote.
    pub voters: u64,
    /// How many of them are up.
    pub voters_up: u64,
    /// How many more voters may fail before writing stops.
    pub tolerates: u64,
    /// Every proxy, by id.
    pub proxies: Vec<ProxyRow>,
    /// How many agents are online.
    pub agents: u64,
    /// How many agents have enrolled and are not online.
    #[serde(default)]
    pub agents_offline: u64,
    /// Which of those was online last; `None` where there is none, or they are too many to look through.
    #[serde(default)]
    pub last_offline: Option<LastSeen>,
    /// How many routes there are.
    pub routes: u64,
    /// How agents hold their tunnels.
    pub strategy: StrategyView,
    /// What is wrong, worst first.
    pub problems: Vec<StatusProblem>,
    /// Which changes may be written: what every proxy knows.
    #[serde(default)]
    pub feature_level: u64,
}

/// An agent that went away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSeen {
    /// Its name.
    pub name: AgentName,
    /// When a tunnel of it was last opened or closed.
    pub last_seen: Time,
}

/// One proxy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProxyRow {
    /// Its id.
    pub id: ProxyId,
    /// Its name.
    pub name: ProxyName,
    /// Where peers reach it.
    pub peer_address: String,
    /// Where agents and clients reach it.
    pub public_addresses: Vec<String>,
    /// Whether it votes.
    pub role: ProxyRole,
    /// Whether it has come a moment ago and gets a vote once it has been up for a while.
    #[serde(default)]
    pub joining: bool,
    /// Whether it leads.
    pub leader: bool,
    /// How it does.
    pub state: ProxyState,
    /// Its epoch; `None` while it has none.
    pub epoch: Option<u64>,
    /// The round trip from the asked proxy, in milliseconds; `None` for itself, or when unknown.
    pub rtt_ms: Option<f64>,
    /// How many log entries it is behind; `None` when unknown. Only the leader knows it of others.
    pub lag_entries: Option<u64>,
    /// How many agents have a tunnel there.
    pub agents: u64,
    /// How many dialled streams it carries; `None` when unknown.
    pub streams: Option<u64>,
    /// Its version of warren.
    pub version: String,
    /// The highest feature level that it knows; `None` until its first start.
    pub feature_level: Option<u64>,
    /// How many tunnels agents hold to it, those too that only their last streams keep; `None` when unknown.
    #[serde(default)]
    pub tunnels: Option<u64>,
    /// How far its drain is; `None` while it does not drain.
    #[serde(default)]
    pub drain: Option<DrainRow>,
    /// Its certificate; `None` when it does not answer.
    #[serde(default)]
    pub certificate: Option<ProxyCertificate>,
    /// Its ways in for programs that know nothing of warren, as the cluster knows them.
    #[serde(default)]
    pub ingress: Vec<IngressRow>,
}

/// A proxy's own certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyCertificate {
    /// Its serial number.
    pub serial: SerialText,
    /// When it ends.
    pub expires_at: Time,
    /// How much longer it is valid, in seconds.
    pub remaining_seconds: u64,
    /// Why it was not renewed when that was last tried; `None` while all is well.
    pub renewal_failed: Option<String>,
}

/// Whether a proxy votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProxyRole {
    /// It votes.
    Voter,
    /// It holds the table and does not vote.
    Learner,
}

/// How a proxy does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProxyState {
    /// It takes traffic.
    Healthy,
    /// It hands its agents over, or has done so, and gets no others.
    Draining,
    /// It runs, and cannot reach the leader.
    Isolated,
    /// It has no epoch.
    Down,
}

/// How agents hold their tunnels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrategyView {
    /// `agent_mesh` or `proxy_peering`.
    #[serde(rename = "type")]
    pub kind: String,
    /// To how many proxies, when to some.
    pub agent_connection_count: u32,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusProblem {
    /// A stable word for it, in snake case.
    pub code: String,
    /// What is wrong, as a fragment.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl From<Strategy> for StrategyView {
    fn from(strategy: Strategy) -> Self {
        Self { kind: strategy.kind.to_string(), agent_connection_count: strategy.agent_connection_count }
    }
}

impl fmt::Display for ProxyRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Voter => "voter",
            Self::Learner => "learner",
        })
    }
}

impl fmt::Display for ProxyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Healthy => "healthy",
            Self::Draining => "draining",
            Self::Isolated => "isolated",
            Self::Down => "down",
        })
    }
}
