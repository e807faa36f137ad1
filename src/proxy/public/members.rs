//! The proxies as agents, clients and joining proxies are told of them.

use warren_raft::{ProxyState, Table};

use crate::wire::{ClusterView, Member, MemberState};

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
    let tunnels = table.counts().routes_by_proxy;
    table
        .proxies()
        .filter(|(_, proxy)| !proxy.peer_address.is_empty() && !proxy.removed)
        .map(|(id, proxy)| Member {
            id,
            name: proxy.name.to_string(),
            peer_address: if audience == Audience::Proxy { proxy.peer_address.clone() } else { String::new() },
            public_addresses: proxy.public_addresses.clone(),
            zone: proxy.zone.clone(),
            state: match proxy.state() {
                ProxyState::Up => MemberState::Up,
                ProxyState::Down => MemberState::Down,
            },
            tunnels: tunnels.get(&id).copied().unwrap_or_default(),
        })
        .collect()
}

/// After how much silence an agent asks its proxy for a sign of life.
const PULSE_MS: u32 = 1_000;

/// What agents are told of the cluster in one version of the table.
pub(crate) fn cluster_view(table: &Table) -> ClusterView {
    let strategy = table.cluster().map(|cluster| cluster.strategy).unwrap_or_default();
    ClusterView { proxies: members(table, Audience::Public), strategy, pulse_ms: PULSE_MS }
}
