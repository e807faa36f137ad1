//! What proxies say to each other on port 3021.

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize};
use warren_raft::{AgentName, ProxyId, ServiceName};

use super::tunnel::Progress;
use super::{CertificateReport, Heard, Hello, LiveCertificates, Vitals};
use crate::target::Target;

/// Most tunnels that one answer to [`ControlRequest::WhoHas`] names.
pub const MAX_HELD: usize = 64;

/// Most connections for dials between two proxies.
pub const MAX_LANES: u8 = 16;

/// The dialling proxy's first message on a connection, answered by a [`PeerHello`] too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerHello {
    /// Versions and features.
    #[serde(with = "super::record")]
    pub hello: Hello,
    /// What the connection is for.
    pub kind: Heard<LinkKind>,
    /// Which one of that kind, below [`MAX_LANES`]; of control there is one.
    pub lane: u8,
}

/// What a connection between proxies is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LinkKind {
    /// 0: Raft, leases, forwarded writes and questions: a [`ControlRequest`] and its answer on each stream.
    Control,
    /// 1: dials: a [`DialHeader`](super::DialHeader) on each stream, then bytes.
    Bulk,
}

impl LinkKind {
    /// The word in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Bulk => "bulk",
        }
    }
}

/// A question to a peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ControlRequest {
    /// 0: a request of the routing store to its member there.
    Store(Bytes),
    /// 1: how are you?
    Ping,
    /// 2: which tunnels of yours lead to this, whatever the table says? Asked only when no quorum can confirm a miss.
    WhoHas(Heard<Target>),
    /// 3: which agents that have a tunnel to you have not got the tunnels they ought to hold?
    Unsettled,
    /// 4: how do you and the machines that are connected to you stand to the authorities?
    Certificates,
    /// 5: which certificates are in use at you?
    LiveCertificates,
    /// 6: how do you do just now, for a picture of the cluster?
    Vitals,
}

/// Its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ControlReply {
    /// 0: the store's answer.
    Store(Bytes),
    /// 1: how the peer is.
    Pong(PeerReport),
    /// 2: the request was not understood; the fragment says why.
    Refused(String),
    /// 3: what its own live tunnels lead to, at most [`MAX_HELD`] of them; their services come from the agents themselves.
    Held(#[serde(with = "super::growing")] Vec<Held>),
    /// 4: the answer to [`ControlRequest::Unsettled`], at most [`MAX_UNSETTLED`], by name.
    Unsettled(#[serde(with = "super::growing")] Vec<AgentProgress>),
    /// 5: the answer to [`ControlRequest::Certificates`].
    Certificates(#[serde(with = "super::record")] CertificateReport),
    /// 6: the answer to [`ControlRequest::LiveCertificates`].
    LiveCertificates(#[serde(with = "super::record")] LiveCertificates),
    /// 7: the answer to [`ControlRequest::Vitals`].
    Vitals(#[serde(with = "super::record")] Vitals),
}

/// Most agents of a [`ControlReply::Unsettled`].
pub const MAX_UNSETTLED: usize = 100;

/// What an agent has said of its tunnels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentProgress {
    /// Which.
    pub agent: AgentName,
    /// What it said last.
    #[serde(with = "super::record")]
    pub progress: Progress,
    /// For how many seconds it has not had what it wants.
    pub seconds: u64,
}

/// A service behind a live tunnel of the proxy that says so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Held {
    /// Whose tunnel it is.
    pub agent: AgentName,
    /// What the agent publishes over it.
    pub service: ServiceName,
}

/// What a proxy says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerReport {
    /// The last log entry it has applied.
    pub applied_index: u64,
    /// Streams that run through it now.
    pub streams: u64,
    /// Whether it has lost its lease.
    pub isolated: bool,
    /// Whether it is draining.
    pub draining: bool,
    /// What is wrong with its disk; `None` while that takes writes.
    #[serde(with = "super::record::option")]
    pub disk: Option<DiskReport>,
    /// Tunnels it holds, retiring ones too.
    pub tunnels: u64,
    /// Streams that its last drain cut.
    pub cut_streams: u64,
    /// The peers to which it lacks a connection, be it for control or for bulk.
    pub unreachable: Vec<ProxyId>,
    /// Whether its drain is over.
    pub drained: bool,
    /// Whether it is about to stop. One that drains and is not does so by an order, be it one that was just taken back.
    pub leaving: bool,
}

/// What is wrong with a proxy's disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskReport {
    /// Whether it may pass.
    pub fault: DiskFault,
    /// Where its store is.
    pub location: String,
    /// What the disk said.
    pub reason: String,
    /// For how many seconds it has been so.
    pub seconds: u64,
}

/// Whether what is wrong with a disk may pass. What a later version has added counts as failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum DiskFault {
    /// 0: it is full; the proxy goes on by itself when there is room.
    Full,
    /// 1: it has failed; the proxy ends.
    Failed,
}

impl<'de> Deserialize<'de> for DiskFault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(if u32::deserialize(deserializer)? == 0 { Self::Full } else { Self::Failed })
    }
}
