//! What each command does, as tables; all of them against a naive model; and the bytes of all of it.

mod allowances;
mod commands;
mod draining;
mod enrolling;
mod golden;
mod levels;
mod model;
mod removing;
mod repetition;
mod rotating;
mod succession;

use super::*;
use crate::command::{Answers, Bootstrap, Command, Enrollment, NewToken, Proposal, ProxyStart};
use crate::ids::{ClusterId, Incarnation, KeyHash, Level, Sequence, Serial, Timestamp};

/// When everything happens, unless a test says otherwise.
const NOW: Timestamp = Timestamp(1_000_000);

/// A table, and the number of its next proposal.
#[derive(Default)]
struct World {
    table: Table,
    number: u64,
}

impl World {
    /// A cluster with proxy 1 in epoch 1 and the agent `lab-pi`.
    fn new() -> Self {
        let mut world = Self::default();
        world.accept(Command::Bootstrap(Box::new(bootstrap())));
        world.accept(Command::StartProxy(start(1)));
        world.accept(Command::CreateToken(token(1, TokenRole::Agent)));
        world.accept(Command::Enroll(enrollment(1, TokenRole::Agent, "lab-pi", 10)));
        world
    }

    fn apply_at(&mut self, at: Timestamp, commands: Vec<Command>) -> Answers {
        self.number += 1;
        self.table.apply(&Proposal { proposer: ProxyId(1), incarnation: Incarnation(1), number: self.number, at, commands })
    }

    fn apply(&mut self, command: Command) -> Result<crate::Accepted, crate::Rejection> {
        self.apply_at(NOW, vec![command]).remove(0)
    }

    fn accept(&mut self, command: Command) -> crate::Accepted {
        self.apply(command).expect("accepted")
    }
}

fn bootstrap() -> Bootstrap {
    Bootstrap {
        id: ClusterId([7; 16]),
        name: "warren".to_owned(),
        ca_certificate: vec![1, 2],
        ca_key: vec![3, 4],
        strategy: Strategy { kind: StrategyKind::ProxyPeering, agent_connection_count: 1 },
        proxy: "proxy-1".parse().expect("a name"),
        key: hash(1),
    }
}

fn start(proxy: u64) -> ProxyStart {
    ProxyStart {
        proxy: ProxyId(proxy),
        peer_address: format!("host-{proxy}:3021"),
        public_addresses: vec![format!("host-{proxy}:3024")],
        zone: "a".to_owned(),
        version: "0.1.0".to_owned(),
        level: Level(1),
    }
}

fn token(id: u8, role: TokenRole) -> NewToken {
    NewToken {
        id: TokenId([id; 8]),
        secret: hash(99),
        role,
        name: "lab-*".parse().expect("a glob"),
        allow: vec!["lab-*/ssh".parse().expect("a pattern")],
        expires_at: Timestamp(NOW.0 + 1_000),
        uses: 1,
    }
}

fn enrollment(token: u8, role: TokenRole, name: &str, key: u8) -> Enrollment {
    Enrollment { token: TokenId([token; 8]), secret: hash(99), role, name: name.to_owned(), key: hash(key) }
}

fn register(epoch: u64, sequence: u64) -> Command {
    Command::RegisterRoute { agent: agent("lab-pi"), proxy: ProxyId(1), epoch: Epoch(epoch), sequence: Sequence(sequence) }
}

fn withdraw(epoch: u64, sequence: u64) -> Command {
    Command::WithdrawRoute { agent: agent("lab-pi"), proxy: ProxyId(1), epoch: Epoch(epoch), sequence: Sequence(sequence) }
}

fn agent(name: &str) -> AgentName {
    name.parse().expect("a name")
}

fn client(name: &str) -> ClientName {
    name.parse().expect("a name")
}

fn service(name: &str) -> Service {
    Service { name: name.parse().expect("a name"), target: "127.0.0.1:22".to_owned(), kind: ServiceKind::Tcp }
}

fn hash(of: u8) -> KeyHash {
    KeyHash([of; 32])
}
