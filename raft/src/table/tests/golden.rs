//! The bytes of every stored value, for good: a change here is a change of every disk and of every message between versions.

use super::*;
use crate::command::{Accepted, Rejection};
use crate::golden::check;

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
    ]
}

#[test]
fn the_bytes_of_commands() {
    check(&commands(), COMMANDS);
}

#[test]
fn the_bytes_of_a_proposal() {
    let commands = vec![withdraw(3, 4)];
    let proposal = Proposal { proposer: ProxyId(2), incarnation: Incarnation(3), number: 4, at: NOW, commands };
    check(&[proposal], PROPOSAL);
}

#[test]
fn the_bytes_of_answers() {
    check(
        &[Accepted::Done, Accepted::Epoch(Epoch(5)), Accepted::Enrolled { proxy: None }, Accepted::Enrolled { proxy: Some(ProxyId(3)) }],
        ACCEPTED,
    );
    check(
        &[
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
        ],
        REJECTIONS,
    );
}

/// A table with one record of each kind, and with it the bytes of each record.
#[test]
fn the_bytes_of_records() {
    let mut world = World::new();
    world.accept(Command::CreateToken(token(2, TokenRole::Client)));
    world.accept(Command::Enroll(enrollment(2, TokenRole::Client, "lab-user", 20)));
    world.accept(Command::PublishServices { agent: agent("lab-pi"), services: vec![service("ssh")], version: "1".to_owned() });
    world.accept(register(1, 4));
    let mut back = Table::default();
    let records = world.table.section_records().map(|record| {
        let mut bytes = Vec::new();
        record.write(&mut bytes);
        back.put_section_record(record.section(), &bytes).expect("a record");
        (record.section(), bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    });
    let records: Vec<_> = records.collect();
    assert_eq!(records, RECORDS.iter().map(|(section, digits)| (*section, (*digits).to_owned())).collect::<Vec<_>>());
    assert_eq!(back, world.table);
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
];
const RECORDS: &[(u16, &str)] = &[
    (2, "070707070707070707070707070707070677617272656e020102020304010101"),
    (3, "0202"),
    (
        4,
        "010770726f78792d3101010101010101010101010101010101010101010101010101010101010101010b686f73742d313a33\
         303231010b686f73742d313a33303234016105302e312e300101c0843dc0843d01",
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
    (9, "010108010000"),
];
