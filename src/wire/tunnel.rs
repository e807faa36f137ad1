//! What an agent and a proxy say to each other on the tunnel's control stream, the first that the agent opens.

use serde::{Deserialize, Serialize};
use warren_raft::{ProxyId, Sequence, Service, Strategy};

use super::{Hello, Member};
use crate::failure::Failure;

/// The agent's first message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentHello {
    /// Versions and features.
    pub hello: Hello,
    /// The agent's number for this tunnel, higher than any before.
    pub sequence: Sequence,
    /// What it publishes.
    pub services: Vec<Service>,
}

/// What the proxy says on the control stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProxyMessage {
    /// 0: the route is committed; dials may come. The first message, unless it is `Refused` or `Waiting`; again after each `Waiting`.
    Welcome(Welcome),
    /// 1: this tunnel will not be; the reason, and when another try is worth it.
    Refused {
        /// Why.
        failure: Failure,
        /// In milliseconds.
        retry_after_ms: u32,
    },
    /// 2: the cluster has changed.
    Cluster {
        /// The proxies now.
        proxies: Vec<Member>,
        /// How tunnels are to be held.
        strategy: Strategy,
    },
    /// 3: this proxy is going away: open a tunnel elsewhere; streams here run on until the connection is closed.
    Leaving,
    /// 4: the answer to [`AgentMessage::Renew`]: a certificate, DER, for the same identity and key.
    Renewed {
        /// The new leaf.
        certificate: Vec<u8>,
    },
    /// 5: the route is not committed, or not any more, since there is no quorum. It will be: the tunnel is held, and dials come over it
    /// from this proxy and from those that ask it. A tunnel elsewhere may fare better.
    Waiting(Waiting),
}

/// What an agent is told while its route waits for a quorum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Versions and features.
    pub hello: Hello,
    /// Which proxy this is.
    pub proxy: ProxyId,
    /// Why it waits.
    pub failure: Failure,
    /// The proxies of the cluster, as far as they are known here.
    pub proxies: Vec<Member>,
    /// How tunnels are to be held.
    pub strategy: Strategy,
}

/// The proxy's greeting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// Versions and features.
    pub hello: Hello,
    /// Which proxy this is.
    pub proxy: ProxyId,
    /// The log index at which the route stands.
    pub index: u64,
    /// The proxies of the cluster.
    pub proxies: Vec<Member>,
    /// How tunnels are to be held.
    pub strategy: Strategy,
}

/// What the agent says after its hello.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AgentMessage {
    /// 0: asks for a fresh certificate for the key of this signing request, DER.
    Renew {
        /// PKCS #10.
        request: Vec<u8>,
    },
}
