//! What is on its way between agents and proxies.

use std::collections::BTreeMap;
use std::time::Duration;

use warren_raft::{ProxyId, Sequence};

use crate::wire::ClusterView;

/// Something that arrives. The agent is its place in the world.
#[derive(Clone, Debug)]
pub(super) enum Letter {
    /// A dial reaches a proxy, if that lives.
    Dial(usize, Sequence, ProxyId),
    /// A proxy has committed a route, or not: an agent hears of it, with what the proxy knows.
    Welcome(usize, Sequence, ProxyId),
    /// A proxy refuses a dial for now.
    Refusal(usize, Sequence, Duration),
    /// Nobody has answered a dial, or a tunnel is closed.
    Failure(usize, Sequence),
    /// A proxy is asked to withdraw a route.
    Retire(usize, Sequence, ProxyId),
    /// A route is withdrawn, and the tunnel closed.
    Retired(usize, Sequence),
    /// Nothing comes over a tunnel any more.
    Silence(usize, Sequence, ProxyId),
    /// A proxy asks for a tunnel to another one instead, or wherever to.
    Move(usize, Sequence, ProxyId, Option<ProxyId>),
    /// An agent is told of the cluster.
    News(usize, ClusterView),
    /// The lease of a proxy that is dead is over.
    Expiry(ProxyId),
}

/// The letters by the round in which they arrive.
#[derive(Debug, Default)]
pub(super) struct Post(BTreeMap<u64, Vec<Letter>>);

impl Post {
    /// Sends one, to arrive in that round.
    pub(super) fn send(&mut self, round: u64, letter: Letter) {
        self.0.entry(round).or_default().push(letter);
    }

    /// What arrives in that round.
    pub(super) fn arrive(&mut self, round: u64) -> Vec<Letter> {
        self.0.remove(&round).unwrap_or_default()
    }

    /// Whether nothing is on its way.
    pub(super) fn is_quiet(&self) -> bool {
        self.0.is_empty()
    }
}
