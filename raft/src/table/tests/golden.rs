//! The bytes of every stored value, for good: a change here is a change of every disk and of every message between versions.

use super::*;
use crate::command::{Accepted, NewAuthority, Rejection};
use crate::golden::{Variants, check, check_variants, variants};

fn reaches() -> Vec<Reach> {
    vec![Reach::Pattern("*/ssh".parse().expect("a pattern")), Reach::Port(agent("a"), 22.try_into().expect("a port"))]
}

fn rules() -> Vec<IngressRule> {
    let rule = |kind, admits, reach| IngressRule { kind, listen: "i:1".to_owned(), admits, reach };
    vec![rule(IngressKind::Tcp, IngressAdmits::Anybody, reaches()), rule(IngressKind::Socks5, IngressAdmits::Password, Vec::new())]
}

fn commands() -> Vec<Command> {
    vec![
        Command::Bootstrap(Box::new(bootstrap())),
        Command::StartProxy(start(2)),
        Command::ExpireProxy { proxy: ProxyId(2), epoch: Epoch(300) },
        register(3, 4),
        withdraw(3, 4),
        Command::PublishServices { agent: agent("lab-pi"), services: vec![service("ssh")], version: "1".to_owned() },
        Command::CreateToken(token(5, TokenRole::Client)),
        Command::RevokeToken { id: TokenId([6; 8]) },
        Command::Enroll(enrollment(7, TokenRole::Proxy, "p", 8)),
        Command::SetStrategy(Strategy { kind: StrategyKind::AgentMesh, agent_connection_count: 2 }),
        Command::RaiseLevel { level: Level(2) },
        Command::RemoveProxy { proxy: ProxyId(2) },
        Command::ForgetProxy { proxy: ProxyId(2) },
        Command::DrainProxy { proxy: ProxyId(2), drain: Drain::Leaving(Epoch(300)) },
        Command::ResumeProxy { proxy: ProxyId(2) },
        Command::AllowClient { client: client("c"), allow: vec!["*/ssh".parse().expect("a pattern")] },
        Command::RemoveAgent { agent: agent("a") },
        Command::RemoveClient { client: client("c") },
        Command::CreateAgentToken(token(5, TokenRole::Agent)),
        Command::BeginRotation(Box::new(NewAuthority { certificate: vec![5, 6], key: vec![7, 8] })),
        Command::AdvanceRotation { began_at: Timestamp(300), from: RotationPhase::Issuing },
        Command::RollBackRotation { began_at: Timestamp(300) },
        Command::RevokeSerial { serial: Serial([9; 16]), until: Timestamp(300) },
        Command::SetIngress { proxy: ProxyId(2), rules: rules() },
        Command::IssueCredential { client: client("c"), secret: hash(9), expires_at: Timestamp(300) },
        Command::RevokeCredentials { client: client("c") },
    ]
}

#[test]
fn the_bytes_of_commands() {
    check(&commands(), COMMANDS);
    let all = variants!(Command {
        0 => Command::Bootstrap(_),
        1 => Command::StartProxy(_),
        2 => Command::ExpireProxy { .. },
        3 => Command::RegisterRoute { .. },
        4 => Command::WithdrawRoute { .. },
        5 => Command::PublishServices { .. },
        6 => Command::CreateToken(_),
        7 => Command::RevokeToken { .. },
        8 => Command::Enroll(_),
        9 => Command::SetStrategy(_),
        10 => Command::RaiseLevel { .. },
        11 => Command::RemoveProxy { .. },
        12 => Command::ForgetProxy { .. },
        13 => Command::DrainProxy { .. },
        14 => Command::ResumeProxy { .. },
        15 => Command::AllowClient { .. },
        16 => Command::RemoveAgent { .. },
        17 => Command::RemoveClient { .. },
        18 => Command::CreateAgentToken(_),
        19 => Command::BeginRotation(_),
        20 => Command::AdvanceRotation { .. },
        21 => Command::RollBackRotation { .. },
        22 => Command::RevokeSerial { .. },
        23 => Command::SetIngress { .. },
        24 => Command::IssueCredential { .. },
        25 => Command::RevokeCredentials { .. },
    });
    check_variants(&all, &commands());
}

/// The words that records and commands are made of.
#[test]
fn the_bytes_of_words() {
    let kinds = [StrategyKind::AgentMesh, StrategyKind::ProxyPeering];
    check(&kinds, &["00", "01"]);
    check_variants(&variants!(StrategyKind { 0 => StrategyKind::AgentMesh, 1 => StrategyKind::ProxyPeering }), &kinds);
    check(&[ServiceKind::Tcp], &["00"]);
    check_variants(&variants!(ServiceKind { 0 => ServiceKind::Tcp }), &[ServiceKind::Tcp]);
    let roles = [TokenRole::Proxy, TokenRole::Agent, TokenRole::Client];
    check(&roles, &["00", "01", "02"]);
    check_variants(&variants!(TokenRole { 0 => TokenRole::Proxy, 1 => TokenRole::Agent, 2 => TokenRole::Client }), &roles);
    let drains = [Drain::Ordered, Drain::Leaving(Epoch(300))];
    check(&drains, &["00", "01ac02"]);
    check_variants(&variants!(Drain { 0 => Drain::Ordered, 1 => Drain::Leaving(_) }), &drains);
    let phases = [RotationPhase::Trusting, RotationPhase::Issuing, RotationPhase::Presenting, RotationPhase::Returning];
    check(&phases, &["00", "01", "02", "03"]);
    let all = variants!(RotationPhase {
        0 => RotationPhase::Trusting,
        1 => RotationPhase::Issuing,
        2 => RotationPhase::Presenting,
        3 => RotationPhase::Returning,
    });
    check_variants(&all, &phases);
    let kinds = [IngressKind::Tcp, IngressKind::Tls, IngressKind::HttpConnect, IngressKind::Socks5];
    check(&kinds, &["00", "01", "02", "03"]);
    let all = variants!(IngressKind {
        0 => IngressKind::Tcp,
        1 => IngressKind::Tls,
        2 => IngressKind::HttpConnect,
        3 => IngressKind::Socks5,
    });
    check_variants(&all, &kinds);
    let admits = [IngressAdmits::Anybody, IngressAdmits::Password, IngressAdmits::Certificate];
    check(&admits, &["00", "01", "02"]);
    let all = variants!(IngressAdmits { 0 => IngressAdmits::Anybody, 1 => IngressAdmits::Password, 2 => IngressAdmits::Certificate });
    check_variants(&all, &admits);
    let reaches = reaches();
    check(&reaches, &["00052a2f737368", "01016116"]);
    check_variants(&variants!(Reach { 0 => Reach::Pattern(_), 1 => Reach::Port(..) }), &reaches);
    check(&["lab-*/ssh".parse::<crate::Pattern>().expect("a pattern")], &["096c61622d2a2f737368"]);
    check(&[Timestamp(300)], &["ac02"]);
    check(&[TokenId([6; 8])], &["0606060606060606"]);
    let long = "a-name-that-is-longer-than-others";
    check(&[agent("a"), agent(long)], &["0161", "21612d6e616d652d746861742d69732d6c6f6e6765722d7468616e2d6f7468657273"]);
}

#[test]
fn the_bytes_of_a_proposal() {
    let commands = vec![withdraw(3, 4)];
    let proposal = Proposal { proposer: ProxyId(2), incarnation: Incarnation(3), number: 4, at: NOW, commands };
    check(&[proposal], PROPOSAL);
}

#[test]
fn the_bytes_of_answers() {
    let accepted =
        [Accepted::Done, Accepted::Epoch(Epoch(5)), Accepted::Enrolled { proxy: None }, Accepted::Enrolled { proxy: Some(ProxyId(3)) }];
    check(&accepted, ACCEPTED);
    let all = variants!(Accepted { 0 => Accepted::Done, 1 => Accepted::Epoch(_), 2 => Accepted::Enrolled { .. } });
    check_variants(&all, &accepted);
}

#[test]
fn the_bytes_of_rejections() {
    let rejections = [
        Rejection::ClusterExists,
        Rejection::NoCluster,
        Rejection::ProxyUnknown(ProxyId(9)),
        Rejection::EpochOver { current: Epoch(4) },
        Rejection::SequenceOld { current: Sequence(4) },
        Rejection::AgentUnknown(agent("a")),
        Rejection::TokenUnknown,
        Rejection::TokenExpired,
        Rejection::TokenUsed,
        Rejection::TokenRevoked,
        Rejection::TokenRole(TokenRole::Client),
        Rejection::TokenName("a*".parse().expect("a glob")),
        Rejection::NameTaken("a".to_owned()),
        Rejection::NameInvalid("b".to_owned()),
        Rejection::Overtaken,
        Rejection::TooMany { what: "x".to_owned(), limit: 256 },
        Rejection::TokenExists,
        Rejection::LevelTooLow { known: Level(1), cluster: Level(2) },
        Rejection::LevelHeldBack("p".parse().expect("a name")),
        Rejection::ProxyRemoved(ProxyId(2)),
        Rejection::LastProxy,
        Rejection::NotRemoved(ProxyId(2)),
        Rejection::ClientUnknown(client("c")),
        Rejection::KeyRemoved,
        Rejection::MayNotPublish { agent: agent("a"), service: service("ssh").name },
        Rejection::Rotating,
        Rejection::NotRotating,
        Rejection::RotationElsewhere { phase: RotationPhase::Returning },
    ];
    check(&rejections, REJECTIONS);
    check_variants(&rejection_numbers(), &rejections);
}

fn rejection_numbers() -> Variants<Rejection> {
    variants!(Rejection {
        0 => Rejection::ClusterExists,
        1 => Rejection::NoCluster,
        2 => Rejection::ProxyUnknown(_),
        3 => Rejection::EpochOver { .. },
        4 => Rejection::SequenceOld { .. },
        5 => Rejection::AgentUnknown(_),
        6 => Rejection::TokenUnknown,
        7 => Rejection::TokenExpired,
        8 => Rejection::TokenUsed,
        9 => Rejection::TokenRevoked,
        10 => Rejection::TokenRole(_),
        11 => Rejection::TokenName(_),
        12 => Rejection::NameTaken(_),
        13 => Rejection::NameInvalid(_),
        14 => Rejection::Overtaken,
        15 => Rejection::TooMany { .. },
        16 => Rejection::TokenExists,
        17 => Rejection::LevelTooLow { .. },
        18 => Rejection::LevelHeldBack(_),
        19 => Rejection::ProxyRemoved(_),
        20 => Rejection::LastProxy,
        21 => Rejection::NotRemoved(_),
        22 => Rejection::ClientUnknown(_),
        23 => Rejection::KeyRemoved,
        24 => Rejection::MayNotPublish { .. },
        25 => Rejection::Rotating,
        26 => Rejection::NotRotating,
        27 => Rejection::RotationElsewhere { .. },
    })
}

/// A table with one record of each kind, and with it the bytes of each record.
#[test]
fn the_bytes_of_records() {
    let mut world = World::new();
    world.accept(Command::CreateToken(token(2, TokenRole::Client)));
    world.accept(Command::Enroll(enrollment(2, TokenRole::Client, "lab-user", 20)));
    world.accept(Command::PublishServices { agent: agent("lab-pi"), services: vec![service("ssh")], version: "1".to_owned() });
    world.accept(register(1, 4));
    world.accept(Command::DrainProxy { proxy: ProxyId(1), drain: Drain::Leaving(Epoch(1)) });
    world.accept(Command::DrainProxy { proxy: ProxyId(1), drain: Drain::Ordered });
    check_records(&world.table, RECORDS);
}

/// What came with level 4, in sections of its own.
#[test]
fn the_bytes_of_later_records() {
    let mut world = World::new();
    world.accept(Command::StartProxy(ProxyStart { level: Level(4), ..start(1) }));
    world.accept(Command::RaiseLevel { level: Level(4) });
    world.accept(Command::CreateAgentToken(token(3, TokenRole::Agent)));
    world.accept(Command::Enroll(enrollment(3, TokenRole::Agent, "lab-2", 30)));
    world.accept(Command::RemoveAgent { agent: agent("lab-pi") });
    world.table.begin_rotation(&NewAuthority { certificate: vec![5, 6], key: vec![7, 8] }, NOW).expect("begun");
    world.table.revoke_serial(Serial([9; 16]), Timestamp(NOW.0 + 1), NOW).expect("revoked");
    world.table.set_ingress(ProxyId(1), &rules()).expect("set");
    let credential = Credential { secret: hash(9), issued_at: NOW, expires_at: Timestamp(NOW.0 + 1) };
    world.table.credentials.insert(client("lab-user"), Credentials { known: vec![credential] });
    check_records(&world.table, LATER_RECORDS);
}

/// Whether the table has these records, those of the sections that `expected` begins with and later ones, and is made of all of its records.
#[track_caller]
fn check_records(table: &Table, expected: &[(u16, &str)]) {
    let mut back = Table::default();
    let records = table.section_records().map(|record| {
        let mut bytes = Vec::new();
        record.write(&mut bytes);
        back.put_section_record(record.section(), &bytes).expect("a record");
        (record.section(), bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    });
    let first = expected.first().map_or(0, |(section, _)| *section);
    let records: Vec<_> = records.filter(|(section, _)| *section >= first).collect();
    assert_eq!(records, expected.iter().map(|(section, digits)| (*section, (*digits).to_owned())).collect::<Vec<_>>());
    assert_eq!(&back, table);
}

const COMMANDS: &[&str] = &[
    "00070707070707070707070707070707070677617272656e02010202030401010770726f78792d31010101010101010101010101\
     0101010101010101010101010101010101010101",
    "01020b686f73742d323a33303231010b686f73742d323a33303234016105302e312e3001",
    "0202ac02",
    "03066c61622d7069010304",
    "04066c61622d7069010304",
    "05066c61622d706901037373680c3132372e302e302e313a3232000131",
    "060505050505050505636363636363636363636363636363636363636363636363636363636363636302056c61622d2a01096c61\
     622d2a2f737368a88c3d01",
    "070606060606060606",
    "08070707070707070763636363636363636363636363636363636363636363636363636363636363630001700808080808080808\
     080808080808080808080808080808080808080808080808",
    "090002",
    "0a02",
    "0b02",
    "0c02",
    "0d0201ac02",
    "0e02",
    "0f016301052a2f737368",
    "100161",
    "110163",
    "120505050505050505636363636363636363636363636363636363636363636363636363636363636301056c61622d2a01096c6162\
     2d2a2f737368a88c3d01",
    "13020506020708",
    "14ac0201",
    "15ac02",
    "1609090909090909090909090909090909ac02",
    "1702020003693a31000200052a2f737368010161160303693a310100",
    "1801630909090909090909090909090909090909090909090909090909090909090909ac02",
    "190163",
];
const PROPOSAL: &[&str] = &["020304c0843d0104066c61622d7069010304"];
const ACCEPTED: &[&str] = &["00", "0105", "0200", "020103"];
const REJECTIONS: &[&str] = &[
    "00",
    "01",
    "0209",
    "0304",
    "0404",
    "050161",
    "06",
    "07",
    "08",
    "09",
    "0a02",
    "0b02612a",
    "0c0161",
    "0d0162",
    "0e",
    "0f01788002",
    "10",
    "110102",
    "120170",
    "1302",
    "14",
    "1502",
    "160163",
    "17",
    "18016103737368",
    "19",
    "1a",
    "1b03",
];
const RECORDS: &[(u16, &str)] = &[
    (2, "070707070707070707070707070707070677617272656e020102020304010101"),
    (3, "0202"),
    (
        4,
        "010770726f78792d3101010101010101010101010101010101010101010101010101010101010101010b686f73742d313a33\
         303231010b686f73742d313a33303234016105302e312e300101c0843dc0843d0100",
    ),
    (
        5,
        "066c61622d70690a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a01037373680c3132372e30\
         2e302e313a3232000131c0843d",
    ),
    (6, "066c61622d706901010104c0843dc0843d01"),
    (
        7,
        "086c61622d75736572141414141414141414141414141414141414141414141414141414141414141401096c61622d2a2f73\
         7368c0843d",
    ),
    (
        8,
        "0101010101010101636363636363636363636363636363636363636363636363636363636363636301056c61622d2a01096c\
         61622d2a2f737368c0843da88c3d01010a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a00",
    ),
    (
        8,
        "0202020202020202636363636363636363636363636363636363636363636363636363636363636302056c61622d2a01096c\
         61622d2a2f737368c0843da88c3d0101141414141414141414141414141414141414141414141414141414141414141400",
    ),
    (9, "01010a010000"),
    (10, "01010101"),
];
const LATER_RECORDS: &[(u16, &str)] = &[
    (11, "030303030303030301096c61622d2a2f737368"),
    (12, "056c61622d3201096c61622d2a2f737368"),
    (13, "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0ac0843d"),
    (14, "02050602070800c0843dc0843d"),
    (15, "09090909090909090909090909090909c1843d"),
    (16, "01020003693a31000200052a2f737368010161160303693a310100"),
    (17, "086c61622d75736572010909090909090909090909090909090909090909090909090909090909090909c0843dc1843d"),
];
