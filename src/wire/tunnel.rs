//! What an agent and a proxy say to each other on the tunnel's control stream, the first that the agent opens.

use serde::{Deserialize, Serialize};
use warren_raft::{ProxyId, Sequence, Service};

use super::{Authorities, ClusterView, Hello, Holdings};
use crate::failure::Failure;

/// The agent's first message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentHello {
    /// Versions and features.
    #[serde(with = "super::record")]
    pub hello: Hello,
    /// The agent's number for this tunnel, higher than any before.
    pub sequence: Sequence,
    /// What it publishes.
    #[serde(with = "super::growing")]
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
        #[serde(with = "super::record")]
        failure: Failure,
        /// In milliseconds.
        retry_after_ms: u32,
    },
    /// 2: the cluster has changed.
    Cluster(ClusterView),
    /// 3: this proxy is going away: open a tunnel elsewhere, wherever; streams here run on until the connection is closed.
    Leaving,
    /// 4: the answer to [`AgentMessage::Renew`]: a certificate, DER, for the same identity and key.
    Renewed {
        /// The new leaf.
        certificate: Vec<u8>,
    },
    /// 5: the route is not committed, or not any more, since there is no quorum. It will be: the tunnel is held, and dials come over it
    /// from this proxy and from those that ask it. A tunnel elsewhere may fare better.
    Waiting(Waiting),
    /// 6: hold a tunnel to this proxy instead: open it, and ask for the end of this one once it is welcome there.
    Move {
        /// The proxy.
        to: ProxyId,
    },
    /// 7: the answer to [`AgentMessage::Retire`]: the route is withdrawn. The agent closes the tunnel when its last stream has ended.
    Retired,
    /// 8: the agent's message with this number is not known to this version; it was passed over.
    NotUnderstood {
        /// The number of its variant.
        number: u32,
    },
    /// 9: the authorities to trust, where they are others than the agent has said that it trusts. It says so again by [`AgentMessage::Holds`].
    Authorities(#[serde(with = "super::record")] Authorities),
    /// 10: the answer to [`AgentMessage::Renew`] that came to nothing.
    NotRenewed {
        /// Why, as a fragment.
        reason: String,
    },
    /// 11: the answer to [`AgentMessage::Publish`]: the services are in the table.
    Published,
    /// 12: the answer to [`AgentMessage::Publish`] that came to nothing: what the agent published before stands.
    NotPublished {
        /// Why.
        #[serde(with = "super::record")]
        failure: Failure,
    },
}

/// What an agent is told while its route waits for a quorum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Versions and features.
    #[serde(with = "super::record")]
    pub hello: Hello,
    /// Which proxy this is.
    pub proxy: ProxyId,
    /// Why it waits.
    #[serde(with = "super::record")]
    pub failure: Failure,
    /// The cluster, as far as it is known here.
    #[serde(with = "super::record")]
    pub cluster: ClusterView,
}

/// The proxy's greeting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// Versions and features.
    #[serde(with = "super::record")]
    pub hello: Hello,
    /// Which proxy this is.
    pub proxy: ProxyId,
    /// The log index at which the route stands.
    pub index: u64,
    /// The cluster.
    #[serde(with = "super::record")]
    pub cluster: ClusterView,
}

/// What the agent says after its hello.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AgentMessage {
    /// 0: asks for a fresh certificate for the key of this signing request, DER.
    Renew {
        /// PKCS #10.
        request: Vec<u8>,
    },
    /// 1: the agent wants this tunnel no more: its route is to be withdrawn, answered by [`ProxyMessage::Retired`]. What runs over it runs on, and dials that
    /// were under way are still taken.
    Retire,
    /// 2: a sign of life is wanted: that the transport acknowledges this is answer enough.
    Pulse,
    /// 3: how far the agent is with the tunnels it ought to hold; whenever that has changed, and at most once a second.
    Progress(Progress),
    /// 4: the proxy's message with this number is not known to this version; it was passed over.
    NotUnderstood {
        /// The number of its variant.
        number: u32,
    },
    /// 5: what the agent presents and whom it trusts: at the beginning, and whenever that has changed.
    Holds(#[serde(with = "super::record")] Holdings),
    /// 6: what the agent publishes from now on, instead of what its hello or the last of these said; answered by [`ProxyMessage::Published`] or
    /// [`ProxyMessage::NotPublished`].
    Publish {
        /// All of it.
        #[serde(with = "super::growing")]
        services: Vec<Service>,
    },
}

impl AgentMessage {
    /// The number of [`Retire`](Self::Retire): a proxy that does not know it answers by [`ProxyMessage::NotUnderstood`].
    pub const RETIRE: u32 = 1;
    /// The number of [`Publish`](Self::Publish), likewise.
    pub const PUBLISH: u32 = 6;
}

/// How far an agent is with the tunnels it ought to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// How many it wants.
    pub wanted: u32,
    /// How many of those it has.
    pub held: u32,
    /// Tunnels beyond those whose streams still run.
    pub retiring: u32,
    /// What keeps it from having the others, at most [`MAX_OBSTACLES`].
    #[serde(with = "super::growing")]
    pub obstacles: Vec<Obstacle>,
}

/// Most obstacles that an agent tells of.
pub const MAX_OBSTACLES: usize = 16;

/// Why an agent has no tunnel to a proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obstacle {
    /// The proxy; `None` for the addresses of the agent's configuration.
    pub proxy: Option<ProxyId>,
    /// Why the last try failed, as a fragment of at most [`MAX_REASON`] bytes.
    pub reason: String,
}

/// Longest reason of an [`Obstacle`].
pub const MAX_REASON: usize = 200;
