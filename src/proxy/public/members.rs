//! The proxies as agents, clients and joining proxies are told of them.

use warren_raft::{ProxyState, Strategy, Table};

use crate::wire::Member;

/// Who is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// A proxy, which needs the peer addresses.
    Proxy,
    /// An agent or a client, which does not.
    Public,
}

/// Every proxy that has started once and is to stay, by id.
pub(crate) fn members(table: &Table, audience: Audience) -> Vec<Member> {
    table
        .proxies()
        .filter(|(_, proxy)| !proxy.peer_address.is_empty() && !proxy.removed)
        .map(|(id, proxy)| Member {
            id,
            name: proxy.name.to_string(),
            peer_address: if audience == Audience::Proxy { proxy.peer_address.clone() } else { String::new() },
            public_addresses: proxy.public_addresses.clone(),
            zone: proxy.zone.clone(),
            up: proxy.state() == ProxyState::Up,
        })
        .collect()
}

/// What agents are told of the cluster, and again whenever it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClusterView {
    /// The proxies.
    pub proxies: Vec<Member>,
    /// How tunnels are to be held.
    pub strategy: Strategy,
}

impl ClusterView {
    /// The view of one version of the table.
    pub(crate) fn of(table: &Table) -> Self {
        let strategy = table.cluster().map(|cluster| cluster.strategy).unwrap_or_default();
        Self { proxies: members(table, Audience::Public), strategy }
    }
}
