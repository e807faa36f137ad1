//! What a client asks so that it knows its way: where the proxies are by now, whether its own is about to go, and what it may reach. An older proxy answers that it does not know the question.

use serde::{Deserialize, Serialize};
use warren_raft::{AgentName, ServiceName};

use super::{Hello, Member};
use crate::failure::Failure;

/// Most services of one [`ServicesReply`]: of the longest names as many as a message holds.
pub const MAX_SERVICES: usize = 400;

/// Proxy to client: where the proxies are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProxiesReply {
    /// 0: here.
    Proxies {
        /// Versions and features.
        #[serde(with = "super::record")]
        hello: Hello,
        /// Every proxy of the cluster, as far as a message holds them.
        #[serde(with = "super::growing")]
        proxies: Vec<Member>,
    },
    /// 1: it gets no answer.
    Failed(Failure),
}

/// Proxy to client: what it may reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServicesReply {
    /// 0: this.
    Services {
        /// Versions and features.
        #[serde(with = "super::record")]
        hello: Hello,
        /// By agent and service, at most [`MAX_SERVICES`].
        #[serde(with = "super::growing")]
        services: Vec<Reachable>,
        /// Whether there are, or may be, further ones.
        more: bool,
    },
    /// 1: it gets no answer.
    Failed(Failure),
}

/// Proxy to client: that it goes away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DepartureReply {
    /// 0: it does, and takes no further dials soon; those that run run on.
    Leaving {
        /// Versions and features.
        #[serde(with = "super::record")]
        hello: Hello,
    },
    /// 1: it gets no answer.
    Failed(Failure),
}

/// A service that a client may reach.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reachable {
    /// Whose it is.
    pub agent: AgentName,
    /// Its name.
    pub service: ServiceName,
    /// Whether the agent has a tunnel.
    pub online: bool,
}
