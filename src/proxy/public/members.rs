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
    let tunnels = table.routes_by_proxy();
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
                ProxyState::Up if table.is_draining(id) => MemberState::Draining,
                ProxyState::Up => MemberState::Up,
                ProxyState::Down => MemberState::Down,
            },
            tunnels: tunnels.get(&id).copied().unwrap_or_default(),
        })
        .collect()
}

/// What agents are told of the cluster in one version of the table, that of `index` or a later one, but for the pulse.
pub(crate) fn cluster_view(table: &Table, index: u64) -> ClusterView {
    let strategy = table.cluster().map(|cluster| cluster.strategy).unwrap_or_default();
    ClusterView { proxies: members(table, Audience::Public), strategy, pulse_ms: 0, index }
}

#[cfg(test)]
mod tests {
    use warren_raft::command::{Bootstrap, ProxyStart};
    use warren_raft::{ClusterId, Command, Drain, Epoch, Incarnation, KeyHash, Level, Proposal, ProxyId, Strategy, Timestamp};

    use super::*;

    /// The state of the only proxy after these changes.
    fn state_after(commands: Vec<Command>) -> MemberState {
        let (id, name, proxy) = (ClusterId([7; 16]), "warren".to_owned(), "proxy-1".parse().expect("a name"));
        let (ca_certificate, ca_key, strategy, key) = (vec![], vec![], Strategy::default(), KeyHash([1; 32]));
        let bootstrap = Command::Bootstrap(Box::new(Bootstrap { id, name, ca_certificate, ca_key, strategy, proxy, key }));
        let (proposer, incarnation, at) = (ProxyId(1), Incarnation(1), Timestamp(1));
        let commands = [bootstrap, start()].into_iter().chain(commands).collect();
        let mut table = Table::default();
        let answers = table.apply(&Proposal { proposer, incarnation, number: 1, at, commands });
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        members(&table, Audience::Public)[0].state
    }

    fn start() -> Command {
        let (proxy, peer_address, public_addresses) = (ProxyId(1), "host:3021".to_owned(), vec!["host:3024".to_owned()]);
        Command::StartProxy(ProxyStart {
            proxy,
            peer_address,
            public_addresses,
            zone: String::new(),
            version: String::new(),
            level: Level(3),
        })
    }

    #[test]
    fn whoever_drains_is_told_of_as_draining_unless_it_is_down() {
        let proxy = ProxyId(1);
        let expire = Command::ExpireProxy { proxy, epoch: Epoch(1) };
        let order = Command::DrainProxy { proxy, drain: Drain::Ordered };
        let leave = Command::DrainProxy { proxy, drain: Drain::Leaving(Epoch(1)) };
        assert_eq!(state_after(vec![]), MemberState::Up);
        assert_eq!(state_after(vec![order.clone()]), MemberState::Draining);
        assert_eq!(state_after(vec![leave.clone()]), MemberState::Draining);
        assert_eq!(state_after(vec![leave, expire.clone(), start()]), MemberState::Up);
        assert_eq!(state_after(vec![order.clone(), expire.clone()]), MemberState::Down);
        assert_eq!(state_after(vec![order, expire, start()]), MemberState::Draining);
    }
}
