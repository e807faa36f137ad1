//! The cluster before anything happens.

use warren_raft::command::{Bootstrap, Enrollment, NewToken, ProxyStart};
use warren_raft::{
    AgentName, ClusterId, Command, Incarnation, KeyHash, Level, Proposal, ProxyId, Strategy, Table, Timestamp, TokenId, TokenRole,
};

/// Who proposes what the leader decides, and never crashes.
pub(super) const LEADER: ProxyId = ProxyId(1);
/// When everything happens: nothing of this depends on time.
pub(super) const NOW: Timestamp = Timestamp(1_000);

/// The proxy in this place of the model: those that crash come after the leader.
pub(super) fn proxy_id(place: usize) -> ProxyId {
    ProxyId(place as u64 + 2)
}

/// Its place.
pub(super) fn place(id: ProxyId) -> usize {
    usize::try_from(id.0).expect("small") - 2
}

/// The agent's name.
pub(super) fn agent(number: usize) -> AgentName {
    format!("lab-{number}").parse().expect("a name")
}

/// What a proxy says when it starts.
pub(super) fn start(proxy: ProxyId) -> Command {
    let (peer_address, public_addresses) = (format!("h{proxy}:1"), vec![format!("h{proxy}:2")]);
    Command::StartProxy(ProxyStart {
        proxy,
        peer_address,
        public_addresses,
        zone: String::new(),
        version: "1".to_owned(),
        level: Level::CURRENT,
    })
}

/// A table with so many proxies beside the leader, none of which has started, and so many agents.
pub(super) fn table(proxies: usize, agents: usize) -> Table {
    let mut commands = vec![Command::Bootstrap(Box::new(Bootstrap {
        id: ClusterId([7; 16]),
        name: "warren".to_owned(),
        ca_certificate: vec![1],
        ca_key: vec![2],
        strategy: Strategy::default(),
        proxy: "leader".parse().expect("a name"),
        key: key(1),
    }))];
    for (id, role) in [(1, TokenRole::Proxy), (2, TokenRole::Agent)] {
        let (name, allow) = ("*".parse().expect("a glob"), Vec::new());
        commands.push(Command::CreateToken(NewToken {
            id: TokenId([id; 8]),
            secret: key(9),
            role,
            name,
            allow,
            expires_at: Timestamp(9_000),
            uses: 9,
        }));
    }
    let enroll = |token, role, name: String, of| {
        Command::Enroll(Enrollment { token: TokenId([token; 8]), secret: key(9), role, name, key: key(of) })
    };
    commands.extend((0..proxies).map(|place| enroll(1, TokenRole::Proxy, format!("proxy-{place}"), 10 + place as u8)));
    commands.extend((0..agents).map(|number| enroll(2, TokenRole::Agent, agent(number).to_string(), 20 + number as u8)));
    let mut table = Table::default();
    for (number, command) in (1..).zip(commands) {
        let answers = table.apply(&Proposal { proposer: LEADER, incarnation: Incarnation(1), number, at: NOW, commands: vec![command] });
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    }
    table
}

fn key(of: u8) -> KeyHash {
    KeyHash([of; 32])
}
