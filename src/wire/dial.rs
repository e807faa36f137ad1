//! One dial: what is said on its stream before the raw bytes.
//!
//! ```text
//! client --DialRequest--> ingress proxy --DialHeader--> owner proxy --DialHeader--> agent --connect--> target
//! client <--DialReply---- ingress proxy <--DialAnswer-- owner proxy <--DialAnswer-- agent
//! ```
//! After its header each side may send at once; after the answer `Connected` the stream is the byte stream of the service,
//! both ways, with half-close and reset. After any other answer it is over.

use std::fmt;

use serde::{Deserialize, Serialize};
use warren_raft::{AgentName, ClientName, ProxyId, ProxyName, ServiceName};

use super::{AuthoritiesRequest, Heard, Hello, TraceId};
use crate::failure::Failure;
use crate::target::Target;

/// Client to ingress proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialRequest {
    /// Versions and features: a client's streams are independent of each other, so each of its requests says so.
    #[serde(with = "super::record")]
    pub hello: Hello,
    /// What is wanted.
    pub target: Heard<Target>,
    /// How long the client will wait for the answer, in milliseconds.
    pub budget_ms: u32,
    /// The dial's identity in every log, drawn by the client: a dial that it sends to a second proxy, since the first is silent, is the same one.
    pub trace: TraceId,
}

/// Ingress proxy to client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DialReply {
    /// 0: the target has accepted; raw bytes follow.
    Connected {
        /// Whose service it is.
        agent: AgentName,
        /// The proxies on the way, the ingress first.
        path: Vec<ProxyId>,
        /// The dial's identity in every log.
        trace: TraceId,
        /// Versions and features.
        #[serde(with = "super::record")]
        hello: Hello,
    },
    /// 1: it came to nothing; the answer to a request that is not understood, too, whatever it was to be answered by.
    Failed(Failure),
}

/// Proxy to owner proxy, and owner proxy to agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialHeader {
    /// The dial's identity in every log.
    /// Also what tells the agent that two streams are one dial, of which the target is to see one connection.
    pub trace: TraceId,
    /// Who dials; the owner proxy checks the allowance again.
    pub client: ClientName,
    /// Where the client's connection comes from, `IP:PORT`.
    pub client_address: String,
    /// The agent whose tunnel is meant.
    pub agent: AgentName,
    /// The service of it.
    pub service: ServiceName,
    /// What is left of the dial's budget, in milliseconds.
    pub budget_ms: u32,
    /// By which door of the ingress proxy somebody has come in who has shown nothing; the owner proxy checks what the door lets through, and `client` is the
    /// ingress proxy's name then. Feature level 4.
    #[serde(with = "super::appended")]
    pub entered: Option<Entered>,
}

/// A door of the ingress proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entered {
    /// Its place among those that the proxy has published.
    pub rule: u16,
}

/// The answer to a [`DialHeader`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DialAnswer {
    /// 0: the target has accepted; raw bytes follow.
    Connected,
    /// 1: no tunnel of the agent here; perhaps at `hint`.
    NotHere {
        /// Another proxy with a route of the agent.
        hint: Option<ProxyId>,
    },
    /// 2: the agent gives no new streams to this tunnel.
    Draining {
        /// Another proxy with a route of the agent.
        hint: Option<ProxyId>,
    },
    /// 3: the target refused, or could not be reached by the agent.
    TargetRefused {
        /// Why, as a fragment.
        reason: String,
    },
    /// 4: the target did not answer the agent in time.
    TargetTimeout,
    /// 5: the client may not.
    Denied,
    /// 6: too much at once.
    Overloaded {
        /// When it is worth another try, in milliseconds.
        retry_after_ms: u32,
    },
    /// 7: the agent does not publish the service.
    UnknownService,
    /// 8: the tunnel broke or did not answer in time.
    TunnelLost {
        /// Why, as a fragment.
        reason: String,
    },
    /// 9: whether the client may could not be confirmed.
    Unconfirmed {
        /// Why, as a fragment.
        reason: String,
    },
    /// 10: the same dial, with the same trace, came over another tunnel and is answered there.
    Superseded,
    /// 11: whoever is further on gave an answer with this number, which only a later version knows.
    NotUnderstood {
        /// The number of its variant.
        number: u32,
    },
}

impl DialAnswer {
    /// The word in logs and metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::NotHere { .. } => "not_here",
            Self::Draining { .. } => "draining",
            Self::TargetRefused { .. } => "target_refused",
            Self::TargetTimeout => "timeout",
            Self::Denied => "denied",
            Self::Overloaded { .. } => "overloaded",
            Self::UnknownService => "service_unknown",
            Self::TunnelLost { .. } => "tunnel_lost",
            Self::Unconfirmed { .. } => "unconfirmed",
            Self::Superseded => "superseded",
            Self::NotUnderstood { .. } => "not_understood",
        }
    }
}

impl fmt::Display for DialAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected => f.write_str("connected"),
            Self::NotHere { .. } => f.write_str("no tunnel of the agent here"),
            Self::Draining { .. } => f.write_str("the tunnel takes no new streams"),
            Self::TargetRefused { reason } => write!(f, "the target refused: {reason}"),
            Self::TargetTimeout => f.write_str("the target did not answer in time"),
            Self::Denied => f.write_str("the client may not"),
            Self::Overloaded { .. } => f.write_str("the tunnel carries as many streams as it may"),
            Self::UnknownService => f.write_str("the agent does not publish the service"),
            Self::TunnelLost { reason } => write!(f, "the tunnel was lost: {reason}"),
            Self::Superseded => f.write_str("the dial came over another tunnel too, and is answered there"),
            Self::NotUnderstood { number } => write!(f, "answer {number} is not known to this version of warren"),
            Self::Unconfirmed { reason } => write!(f, "whether the client may is not confirmed: {reason}"),
        }
    }
}

/// What a client may say first on a stream of its own connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientRequest {
    /// 0: reach a service; answered by a [`DialReply`].
    Dial(DialRequest),
    /// 1: a fresh certificate for the key of this signing request, PKCS #10 DER; answered by an
    /// [`EnrollReply`](super::EnrollReply).
    Renew {
        /// Versions and features.
        #[serde(with = "super::record")]
        hello: Hello,
        /// The request.
        request: Vec<u8>,
    },
    /// 2: which authorities are to be trusted, once they are others than those that the client has; answered by an
    /// [`AuthoritiesReply`](super::AuthoritiesReply).
    Authorities(AuthoritiesRequest),
    /// 3: say that you are there, or that another proxy is; answered by a [`PingReply`].
    Ping(PingRequest),
    /// 4: where the proxies are by now; answered by a [`ProxiesReply`](super::ProxiesReply).
    Proxies {
        /// Versions and features.
        #[serde(with = "super::record")]
        hello: Hello,
    },
    /// 5: what this client may reach; answered by a [`ServicesReply`](super::ServicesReply).
    Services {
        /// Versions and features.
        #[serde(with = "super::record")]
        hello: Hello,
    },
    /// 6: say when you go away; answered then by a [`DepartureReply`](super::DepartureReply). The client ends its half of the stream once it has gone elsewhere, or stays since there is no
    /// other proxy: until then the proxy waits for it.
    Departure {
        /// Versions and features.
        #[serde(with = "super::record")]
        hello: Hello,
    },
}

/// Whether a proxy is there, and how long the way to it takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PingRequest {
    /// Versions and features.
    #[serde(with = "super::record")]
    pub hello: Hello,
    /// Which proxy is meant; `None`: the one that is asked.
    pub proxy: Option<ProxyName>,
    /// How long the client will wait for the answer, in milliseconds.
    pub budget_ms: u32,
}

/// Proxy to client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PingReply {
    /// 0: it is there.
    Pong {
        /// The proxies on the way, the one that was asked first.
        path: Vec<ProxyName>,
        /// What time it is at the proxy that was asked, in milliseconds since 1970.
        at_ms: u64,
        /// Versions and features.
        #[serde(with = "super::record")]
        hello: Hello,
    },
    /// 1: it is not known, or gives no answer.
    Failed(Failure),
}
