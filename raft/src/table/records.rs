//! The records of the table. Fields are only ever added, at the end.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::command::Answers;
use crate::ids::{ClusterId, Epoch, Incarnation, KeyHash, Level, ProxyId, Sequence, Timestamp};
use crate::names::{Glob, Pattern, ProxyName, ServiceName};
use crate::table::Strategy;

/// The cluster itself.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// Its random id.
    pub id: ClusterId,
    /// Its name, for people.
    pub name: String,
    /// The CA's certificate, DER.
    pub ca_certificate: Vec<u8>,
    /// The CA's private key, PKCS #8 DER: any proxy can enrol a machine.
    pub ca_key: Vec<u8>,
    /// How agents hold their tunnels.
    pub strategy: Strategy,
    /// Which commands may be written: never above what a proxy knows.
    pub level: Level,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("id", &self.id).field("name", &self.name).field("strategy", &self.strategy).finish_non_exhaustive()
    }
}

/// A proxy of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proxy {
    /// Its name.
    pub name: ProxyName,
    /// The hash of its public key: a certificate with another key is not this proxy's.
    pub key: KeyHash,
    /// Where peers reach it; empty until its first start.
    pub peer_address: String,
    /// Where agents and clients reach it.
    pub public_addresses: Vec<String>,
    /// Its zone.
    pub zone: String,
    /// Its version of warren.
    pub version: String,
    /// The current epoch; `None` while it is down.
    pub epoch: Option<Epoch>,
    /// When it was enrolled.
    pub joined_at: Timestamp,
    /// When the current or the last epoch began or ended.
    pub changed_at: Timestamp,
    /// The highest feature level that it knew when it started last; 0 until its first start.
    pub level: Level,
    /// It was removed, and its record goes as soon as it is no member any more.
    pub removed: bool,
}

impl Proxy {
    /// Whether it holds an epoch.
    pub fn state(&self) -> ProxyState {
        if self.epoch.is_some() { ProxyState::Up } else { ProxyState::Down }
    }
}

/// What the table knows of a proxy's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyState {
    /// It holds an epoch.
    Up,
    /// It has never started, or its lease ended.
    Down,
}

/// The fact that an agent has a tunnel at a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The owner proxy.
    pub proxy: ProxyId,
    /// The owner's epoch when it was registered.
    pub epoch: Epoch,
    /// The agent's number for the tunnel.
    pub sequence: Sequence,
    /// When it was registered.
    pub since: Timestamp,
}

/// An agent that enrolled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// The hash of its public key.
    pub key: KeyHash,
    /// What it offers, by name.
    pub services: Vec<Service>,
    /// Its version of warren, empty until its first tunnel.
    pub version: String,
    /// When it enrolled.
    pub enrolled_at: Timestamp,
}

/// Something an agent offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Its name, unique on its agent.
    pub name: ServiceName,
    /// What the agent dials: `HOST:PORT`.
    pub target: String,
    /// What kind of bytes it takes.
    pub kind: ServiceKind,
}

/// What kind of bytes a service takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServiceKind {
    /// 0: a TCP byte stream.
    Tcp,
}

impl fmt::Display for ServiceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("tcp")
    }
}

/// A client that enrolled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// The hash of its public key.
    pub key: KeyHash,
    /// What it may reach.
    pub allow: Vec<Pattern>,
    /// When it enrolled.
    pub enrolled_at: Timestamp,
}

/// A right to enrol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The hash of its secret.
    pub secret: KeyHash,
    /// What it admits.
    pub role: TokenRole,
    /// Which names it admits.
    pub name: Glob,
    /// What a client admitted by it may reach.
    pub allow: Vec<Pattern>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// How often it could be used at first.
    pub uses: u32,
    /// Who used it: the keys that were enrolled with it, at most `uses`.
    pub used_by: Vec<KeyHash>,
    /// Whether it was revoked.
    pub revoked: bool,
}

/// What a token admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TokenRole {
    /// 0: a further proxy.
    Proxy,
    /// 1: an agent.
    Agent,
    /// 2: a client.
    Client,
}

impl TokenRole {
    /// The word people use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proxy => "proxy",
            Self::Agent => "agent",
            Self::Client => "client",
        }
    }
}

impl fmt::Display for TokenRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for TokenRole {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        [Self::Proxy, Self::Agent, Self::Client].into_iter().find(|role| role.as_str() == text).ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

/// A text that is no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no role: proxy, agent or client")]
pub struct UnknownRole(String);

/// The last proposal of a proxy that was applied, so that a retry gets the same answers and changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastProposal {
    /// The proposer's incarnation.
    pub incarnation: Incarnation,
    /// The proposal's number.
    pub number: u64,
    /// What was answered.
    pub answers: Answers,
}
