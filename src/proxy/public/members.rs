//! The proxies as agents, clients and joining proxies are told of them.
//!
//! A message has a bound, and one that exceeds it ends the tunnel that it was to go over: with few and long addresses of each proxy a large cluster fits, with many of them it is
//! told the first ones of each.

use warren_raft::{ProxyState, Table};

use crate::wire::{ClusterView, Member, MemberState, frame};

/// Most bytes of all proxies in one message; what is left is more than any message has beside them.
const MAX_BYTES: usize = frame::MAX_MESSAGE - 8 * 1024;
/// What a member takes encoded beside its texts: id, tunnels, state, the lengths of three texts, of the addresses and of itself.
const AROUND: usize = 40;
/// What a text takes beside its bytes: its length.
const LENGTH: usize = 3;

/// Who is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// A proxy, which needs the peer addresses.
    Proxy,
    /// An agent or a client, which does not.
    Public,
}

/// Every proxy that has started once and is to stay, by id, as far as a message holds them.
pub(crate) fn members(table: &Table, audience: Audience) -> Vec<Member> {
    fitting(all(table, audience), MAX_BYTES)
}

fn all(table: &Table, audience: Audience) -> Vec<Member> {
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

/// As much of it as fits: of each proxy the first half of its addresses, and of that the half, down to one; then without the proxies that are not up, and at last without
/// those of the highest ids.
fn fitting(mut members: Vec<Member>, limit: usize) -> Vec<Member> {
    let bytes = |members: &[Member]| members.iter().map(weight).sum::<usize>();
    let mut most = members.iter().map(|member| member.public_addresses.len()).max().unwrap_or_default();
    while bytes(&members) > limit && most > 1 {
        most = most.div_ceil(2);
        members.iter_mut().for_each(|member| member.public_addresses.truncate(most));
    }
    if bytes(&members) > limit {
        members.retain(Member::is_up);
    }
    while bytes(&members) > limit {
        members.pop();
    }
    members
}

/// What a member takes encoded, at most.
fn weight(member: &Member) -> usize {
    let addresses: usize = member.public_addresses.iter().map(|address| address.len() + LENGTH).sum();
    AROUND + member.name.len() + member.peer_address.len() + member.zone.len() + addresses
}

/// What agents are told of the cluster in one version of the table, that of `index` or a later one, but for the pulse.
pub(crate) fn cluster_view(table: &Table, index: u64) -> ClusterView {
    let strategy = table.cluster().map(|cluster| cluster.strategy).unwrap_or_default();
    ClusterView { proxies: members(table, Audience::Public), strategy, pulse_ms: 0, index }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use warren_raft::command::{Bootstrap, ProxyStart};
    use warren_raft::{ClusterId, Command, Drain, Epoch, Incarnation, KeyHash, Level, Proposal, ProxyId, Strategy, Timestamp};

    use super::*;
    use crate::failure::{Code, Failure, Stage};
    use crate::wire::{Hello, ProxyMessage, Waiting, Welcome};

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

    /// A proxy with texts of these lengths.
    fn member(id: u64, (name, zone): (usize, usize), (addresses, length): (usize, usize), state: MemberState) -> Member {
        let text = |length: usize| "x".repeat(length);
        let public_addresses = (0..addresses).map(|number| format!("{number:x}{}", text(length - 1))).collect();
        Member {
            id: ProxyId(id),
            name: text(name),
            peer_address: text(length),
            public_addresses,
            zone: text(zone),
            state,
            tunnels: u64::MAX,
        }
    }

    /// The largest messages that a view goes out in, as they are written.
    fn is_written(proxies: Vec<Member>) -> bool {
        let hello = Hello { features: u64::MAX, ..Hello::ours() };
        let cluster = ClusterView { proxies, strategy: Strategy::default(), pulse_ms: u32::MAX, index: u64::MAX };
        let text = "x".repeat(1_000);
        let failure = Failure::new(Code::NoQuorum, Stage::Store, text.clone()).with_cause(text.clone()).with_hint(text).at("x".repeat(63));
        let proxy = ProxyId(u64::MAX);
        let messages = [
            ProxyMessage::Cluster(cluster.clone()),
            ProxyMessage::Welcome(Welcome { hello: hello.clone(), proxy, index: u64::MAX, cluster: cluster.clone() }),
            ProxyMessage::Waiting(Waiting { hello, proxy, failure, cluster }),
        ];
        messages.iter().all(|message| frame::encode(message, frame::MAX_MESSAGE).is_ok())
    }

    /// 16 addresses of 253 bytes and a port, names and zones of 63: what the configuration allows at most.
    #[test]
    fn a_view_fits_its_message_at_the_bounds_of_the_configuration() {
        let longest = |proxies: u64| (1..=proxies).map(|id| member(id, (63, 63), (16, 259), MemberState::Up)).collect::<Vec<_>>();
        assert!(!is_written(longest(16)), "what such proxies say of themselves is too long for one message");
        for (proxies, addresses) in [(1, 16), (12, 16), (16, 8), (22, 8), (38, 4), (60, 2), (80, 1)] {
            let told = fitting(longest(proxies), MAX_BYTES);
            assert!(is_written(told.clone()), "{proxies} proxies");
            assert_eq!(told.len() as u64, proxies, "nobody is left out");
            assert!(told.iter().all(|member| member.public_addresses.len() == addresses), "{proxies}: {}", told[0].public_addresses.len());
            assert!(told.iter().all(|member| member.public_addresses[0].starts_with('0')), "the first ones stay");
        }
        // More than there is room for even so: those that are down go first.
        let mut many = longest(256);
        many.iter_mut().step_by(2).for_each(|member| member.state = MemberState::Down);
        let told = fitting(many, MAX_BYTES);
        assert!(is_written(told.clone()) && told.len() > 60 && told.iter().all(Member::is_up), "{}", told.len());
    }

    #[test]
    fn nothing_is_left_out_of_what_fits() {
        // 250 proxies as they are named in a data centre, with an address of each kind.
        let usual: Vec<_> = (1..=250).map(|id| member(id, (12, 10), (2, 40), MemberState::Up)).collect();
        let told = fitting(usual.clone(), MAX_BYTES);
        assert!(told == usual && is_written(told));
    }

    proptest! {
        /// However many and long they are.
        #[test]
        fn any_view_fits(sizes in proptest::collection::vec((1_usize..64, 0_usize..64, 1_usize..17, 3_usize..260), 0..200)) {
            let of = |(id, (name, zone, addresses, length)): (u64, (usize, usize, usize, usize))| {
                member(u64::MAX - id, (name, zone), (addresses, length), MemberState::Up)
            };
            let told = fitting((0..).zip(sizes).map(of).collect(), MAX_BYTES);
            prop_assert!(is_written(told));
        }
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
