//! What the process does whose power fails: it enrols agents, publishes their services, and notes what was acknowledged.

use std::ops::Range;
use std::path::PathBuf;

use tokio::task::JoinSet;
use warren_raft::command::{Enrollment, NewToken};
use warren_raft::{Command, KeyHash, RoutingStore, Service, ServiceKind, Timestamp, TokenId, TokenRole};

use super::Notes;
use super::notes::note;
use crate::network::{PATIENCE, hash};

/// The directories of the stores, as a search path is written.
pub(crate) const STORES: &str = "WARREN_POWER_LOSS_STORES";
/// The file of the notes.
pub(crate) const NOTES: &str = "WARREN_POWER_LOSS_NOTES";

/// Writers at the same time at each member: some alone in their batch and some not.
const WRITERS: u64 = 3;
/// How many each of them writes before the store is closed and opened again.
const WRITES: u64 = 8;
/// Bytes of every other write; sled's segments have 512 KiB.
const LARGE: usize = 24 * 1024;

/// The work.
pub(crate) struct Writing {
    /// Where the members' stores are.
    pub(crate) stores: Vec<PathBuf>,
    notes: Notes,
}

impl Writing {
    /// What the test that started this process has asked for.
    pub(crate) fn from_environment() -> Option<Self> {
        let stores = std::env::split_paths(&std::env::var_os(STORES)?).collect();
        Some(Self { stores, notes: Notes::new(std::env::var_os(NOTES)?.into()) })
    }

    /// Enrols agents through every member.
    pub(crate) async fn write_for_a_while(&self, all: &[RoutingStore]) {
        let token = new_token(&all[0]).await;
        note(&mut self.notes.open(), "term", &all[0].status().term.to_string());
        let mut writers = JoinSet::new();
        for (store, member) in all.iter().zip(0..) {
            for writer in 0..WRITERS {
                let first = (member * WRITERS + writer) * WRITES;
                writers.spawn(write(store.clone(), self.notes.clone(), token, first..first + WRITES));
            }
        }
        while let Some(writer) = writers.join_next().await {
            writer.expect("it writes");
        }
    }
}

async fn write(store: RoutingStore, notes: Notes, token: TokenId, numbers: Range<u64>) {
    let mut file = notes.open();
    for number in numbers {
        // All members are opened equally often.
        let name = format!("agent-{}-{number}", store.incarnation().0);
        let mut key = [0; 32];
        key[..8].copy_from_slice(&number.to_be_bytes());
        key[8..16].copy_from_slice(&store.incarnation().0.to_be_bytes());
        let enrollment = Enrollment { token, secret: hash(99), role: TokenRole::Agent, name: name.clone(), key: KeyHash(key) };
        store.propose(Command::Enroll(enrollment), PATIENCE).await.expect("enrolled");
        note(&mut file, "agent", &name);
        store.propose(large_change(&name), PATIENCE).await.expect("published");
        note(&mut file, "services", &name);
    }
}

/// So that the log grows by whole segments of sled's within the life of a store: within one the kernel has less to lose.
fn large_change(agent: &str) -> Command {
    let service = Service { name: "web".parse().expect("a name"), target: "x".repeat(LARGE), kind: ServiceKind::Tcp };
    Command::PublishServices { agent: agent.parse().expect("a name"), services: vec![service], version: String::new() }
}

/// A token of this opening's own.
async fn new_token(store: &RoutingStore) -> TokenId {
    let id = TokenId((1_000 + store.incarnation().0).to_be_bytes());
    let (role, name, expires_at) = (TokenRole::Agent, "*".parse().expect("a glob"), Timestamp(u64::MAX));
    let token = NewToken { id, secret: hash(99), role, name, allow: vec![], expires_at, uses: 1_000 };
    store.propose(Command::CreateToken(token), PATIENCE).await.expect("a token");
    id
}
