//! Histories: few names, few numbers, so that everything meets.

use proptest::prelude::{Just, any, prop_oneof};
use proptest::strategy::Strategy as Drawn;

use super::super::*;
use crate::Command;
use crate::command::NewAuthority;

const AGENTS: [&str; 3] = ["lab-0", "lab-1", "x"];

fn proxy() -> impl Drawn<Value = ProxyId> {
    (1_u64..5).prop_map(ProxyId)
}

fn tunnel() -> impl Drawn<Value = (AgentName, ProxyId, Epoch, Sequence)> {
    (0..AGENTS.len(), 1_u64..4, prop_oneof![3 => 1_u64..3, 2 => 3_u64..9], 1_u64..4)
        .prop_map(|(name, proxy, epoch, sequence)| (agent(AGENTS[name]), ProxyId(proxy), Epoch(epoch), Sequence(sequence)))
}

fn role() -> impl Drawn<Value = TokenRole> {
    prop_oneof![Just(TokenRole::Proxy), Just(TokenRole::Agent), Just(TokenRole::Client)]
}

/// Tokens 1 to 3 are of one role each, mostly.
fn new_token() -> impl Drawn<Value = Command> {
    let role = prop_oneof![4 => Just(None), 1 => role().prop_map(Some)];
    (1_u8..4, role, 0_u64..3, 0_u32..3, any::<bool>(), 0_u8..4).prop_map(|(id, other, soon, uses, any_name, limits)| {
        let of_id = [TokenRole::Proxy, TokenRole::Agent, TokenRole::Client][usize::from(id) - 1];
        let name = if any_name { "*" } else { "lab-*" }.parse().expect("a glob");
        let expires_at = Timestamp(NOW.0 + soon * 20);
        let token = NewToken { name, expires_at, uses, ..token(id, other.unwrap_or(of_id)) };
        if limits == 0 { Command::CreateAgentToken(token) } else { Command::CreateToken(token) }
    })
}

fn enrolled() -> impl Drawn<Value = Command> {
    let names = prop_oneof![6 => Just("lab-0"), 4 => Just("lab-1"), 2 => Just("x"), 1 => Just("Not a name"), 1 => Just("proxy-1")];
    let role = prop_oneof![6 => Just(None), 1 => role().prop_map(Some)];
    (1_u8..5, role, names, 1_u8..5, 0_u8..8).prop_map(|(id, other, name, key, wrong)| {
        let of_id = [TokenRole::Proxy, TokenRole::Agent, TokenRole::Client][usize::from(id - 1) % 3];
        let enrollment = enrollment(id, other.unwrap_or(of_id), name, key);
        Command::Enroll(if wrong == 0 { Enrollment { secret: hash(98), ..enrollment } } else { enrollment })
    })
}

fn published() -> impl Drawn<Value = Command> {
    let services = proptest::collection::vec(prop_oneof![Just("ssh"), Just("web"), Just("db")], 0..4);
    (0..AGENTS.len(), services, "[0-9]").prop_map(|(name, services, version)| {
        let services = services.into_iter().map(service).collect();
        Command::PublishServices { agent: agent(AGENTS[name]), services, version }
    })
}

fn started() -> impl Drawn<Value = Command> {
    (proxy(), prop_oneof![3 => Just(4_u64), 1 => 1_u64..4], "[a-c]")
        .prop_map(|(proxy, level, zone)| Command::StartProxy(ProxyStart { level: Level(level), zone, ..start(proxy.0) }))
}

fn drained() -> impl Drawn<Value = Command> {
    (proxy(), prop_oneof![Just(None), (1_u64..6).prop_map(Some)])
        .prop_map(|(proxy, epoch)| Command::DrainProxy { proxy, drain: epoch.map_or(Drain::Ordered, |epoch| Drain::Leaving(Epoch(epoch))) })
}

fn strategy() -> impl Drawn<Value = Command> {
    (any::<bool>(), 0_u32..4).prop_map(|(mesh, agent_connection_count)| {
        let kind = if mesh { StrategyKind::AgentMesh } else { StrategyKind::ProxyPeering };
        Command::SetStrategy(Strategy { kind, agent_connection_count })
    })
}

fn allowed() -> impl Drawn<Value = Command> {
    let allow = proptest::collection::vec(prop_oneof![Just("*/*"), Just("lab-0/ssh"), Just("x/web")], 0..3);
    (0..AGENTS.len(), allow).prop_map(|(name, allow)| {
        let allow = allow.into_iter().map(|pattern| pattern.parse().expect("a pattern")).collect();
        Command::AllowClient { client: client(AGENTS[name]), allow }
    })
}

/// Rotations begin when the first proposals are made, or a moment later.
fn rotated() -> impl Drawn<Value = Command> {
    let phases = [RotationPhase::Trusting, RotationPhase::Issuing, RotationPhase::Presenting, RotationPhase::Returning];
    let began_at = || (0_u64..8).prop_map(|at| Timestamp(NOW.0 + at));
    prop_oneof![
        2 => (5_u8..9).prop_map(|of| Command::BeginRotation(Box::new(NewAuthority { certificate: vec![of], key: vec![of, of] }))),
        6 => (began_at(), 0..phases.len()).prop_map(move |(began_at, from)| Command::AdvanceRotation { began_at, from: phases[from] }),
        1 => began_at().prop_map(|began_at| Command::RollBackRotation { began_at }),
        2 => (1_u8..4, 0_u64..40).prop_map(|(of, soon)| Command::RevokeSerial { serial: Serial([of; 16]), until: Timestamp(NOW.0 + soon) }),
    ]
}

/// More passwords than one client may have, and doors of every proxy.
fn let_in() -> impl Drawn<Value = Command> {
    let reach = || {
        let reach = prop_oneof![
            Just(Reach::Pattern("lab-0/ssh".parse().expect("a pattern"))),
            Just(Reach::Port(agent("lab-0"), 22.try_into().expect("a port"))),
            Just(Reach::Port(agent("lab-0"), 23.try_into().expect("a port"))),
        ];
        proptest::collection::vec(reach, 0..2)
    };
    let admits = prop_oneof![2 => Just(IngressAdmits::Anybody), 1 => Just(IngressAdmits::Password)];
    let rule = (admits, reach()).prop_map(|(admits, reach)| IngressRule {
        kind: IngressKind::Socks5,
        listen: "127.0.0.1:1080".to_owned(),
        admits,
        reach,
    });
    prop_oneof![
        2 => (proxy(), proptest::collection::vec(rule, 0..3)).prop_map(|(proxy, rules)| Command::SetIngress { proxy, rules }),
        4 => (0..AGENTS.len(), 1_u8..14, 0_u64..60).prop_map(|(name, of, soon)| Command::IssueCredential {
            client: client(AGENTS[name]),
            secret: hash(of),
            expires_at: Timestamp(NOW.0 + soon),
        }),
        1 => (0..AGENTS.len()).prop_map(|name| Command::RevokeCredentials { client: client(AGENTS[name]) }),
    ]
}

fn command() -> impl Drawn<Value = Command> {
    prop_oneof![
        12 => tunnel().prop_map(|(agent, proxy, epoch, sequence)| Command::RegisterRoute { agent, proxy, epoch, sequence }),
        6 => tunnel().prop_map(|(agent, proxy, epoch, sequence)| Command::WithdrawRoute { agent, proxy, epoch, sequence }),
        5 => started(),
        2 => (proxy(), 1_u64..6).prop_map(|(proxy, epoch)| Command::ExpireProxy { proxy, epoch: Epoch(epoch) }),
        5 => new_token(),
        10 => enrolled(),
        1 => (1_u8..5).prop_map(|id| Command::RevokeToken { id: TokenId([id; 8]) }),
        4 => published(),
        1 => strategy(),
        3 => (0_u64..5).prop_map(|level| Command::RaiseLevel { level: Level(level) }),
        1 => proxy().prop_map(|proxy| Command::RemoveProxy { proxy }),
        1 => proxy().prop_map(|proxy| Command::ForgetProxy { proxy }),
        3 => drained(),
        1 => proxy().prop_map(|proxy| Command::ResumeProxy { proxy }),
        2 => allowed(),
        1 => (0..AGENTS.len()).prop_map(|name| Command::RemoveAgent { agent: agent(AGENTS[name]) }),
        1 => (0..AGENTS.len()).prop_map(|name| Command::RemoveClient { client: client(AGENTS[name]) }),
        3 => rotated(),
        3 => let_in(),
        1 => Just(Command::Bootstrap(Box::new(bootstrap()))),
    ]
}

/// Proposals of a few proposers, some of them late, some of them again.
pub(super) fn history() -> impl Drawn<Value = Vec<Proposal>> {
    let proposal = (prop_oneof![6 => Just(1_u64), 1 => 2_u64..5], 1_u64..3, 0_u64..3, proptest::collection::vec(command(), 1..5));
    proptest::collection::vec(proposal, 0..40).prop_map(|drawn| {
        let number = |(place, (proposer, incarnation, back, commands)): (u64, (u64, u64, u64, Vec<Command>))| Proposal {
            proposer: ProxyId(proposer),
            incarnation: Incarnation(if place < 20 { 1 } else { incarnation }),
            number: (place + 2).saturating_sub(if place % 3 == 0 { back } else { 0 }),
            at: Timestamp(NOW.0 + place),
            commands,
        };
        (0_u64..).zip(drawn).map(number).collect()
    })
}
