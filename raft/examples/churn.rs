//! Registrations and withdrawals in churn on a group of one with a real disk, and what its directory grows to beside the live state.
//!
//! `cargo run --release -p warren-raft --example churn -- [CHANGES [AGENTS [AT ONCE]]]`

#![expect(clippy::print_stdout, reason = "the table is what it is run for")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::task::JoinSet;
use warren_raft::command::{Bootstrap, Enrollment, NewToken, ProxyStart};
use warren_raft::{
    AgentName, ClusterId, Command, Epoch, Incarnation, KeyHash, LeaseState, Level, ProxyId, RoutingStore, Sequence, SledDisk, SledVolume,
    StoreConfig, Strategy, Timestamp, TokenId, TokenRole, Transport, TransportError, Tuning,
};

const DEADLINE: Duration = Duration::from_secs(120);

/// A group of one has no peers.
struct Nowhere;

#[async_trait]
impl Transport for Nowhere {
    async fn call(&self, target: ProxyId, _: &str, _: Bytes, _: Duration) -> Result<Bytes, TransportError> {
        Err(TransportError::Unreachable { target, reason: "there is nobody".to_owned() })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut numbers = std::env::args().skip(1).map(|word| word.parse::<u64>().expect("a number"));
    let changes = numbers.next().unwrap_or(1_000_000);
    let agents = numbers.next().unwrap_or(1_000);
    let at_once = numbers.next().unwrap_or(256);
    let directory = tempfile::tempdir_in(".").expect("a directory");
    let volume = SledVolume::new(directory.path());
    let store = RoutingStore::open(config(), Arc::new(volume), Arc::new(Nowhere)).await.expect("it opens");
    populate(&store, agents, at_once).await;
    let epoch = store.table().epoch(ProxyId(1)).expect("an epoch");
    println!("{:>10} {:>10} {:>12} {:>12}", "changes", "entries", "directory", "snapshot at");
    let step = (changes / 20).max(1);
    let mut done = 0;
    let began = tokio::time::Instant::now();
    while done < changes {
        let commands = (done..(done + step).min(changes)).map(|n| change(n, agents, epoch));
        propose_all(&store, commands, at_once).await;
        done += step;
        let status = store.status();
        println!("{done:>10} {:>10} {:>12} {:>12}", status.last_log_index, bytes(directory.path()), status.snapshot_index);
    }
    println!("{:.0} changes a second", changes as f64 / began.elapsed().as_secs_f64());
    store.shutdown().await;
    println!("closed: {} bytes", bytes(directory.path()));
    drop(SledDisk::open(directory.path()).expect("it opens"));
    println!("opened again: {} bytes", bytes(directory.path()));
    list(directory.path());
}

/// Even numbers register, odd ones withdraw what the one before registered.
fn change(n: u64, agents: u64, epoch: Epoch) -> Command {
    let (agent, proxy, sequence) = (name((n / 2) % agents), ProxyId(1), Sequence(1 + n / 2));
    if n.is_multiple_of(2) {
        Command::RegisterRoute { agent, proxy, epoch, sequence }
    } else {
        Command::WithdrawRoute { agent, proxy, epoch, sequence }
    }
}

fn name(n: u64) -> AgentName {
    format!("agent-{n:07}").parse().expect("a name")
}

async fn propose_all(store: &RoutingStore, commands: impl Iterator<Item = Command>, at_once: u64) {
    let mut proposals = JoinSet::new();
    for command in commands {
        if proposals.len() as u64 >= at_once {
            proposals.join_next().await.expect("one is running").expect("no panic");
        }
        let store = store.clone();
        proposals.spawn(async move {
            store.propose(command, DEADLINE).await.expect("committed");
        });
    }
    while let Some(ended) = proposals.join_next().await {
        ended.expect("no panic");
    }
}

async fn populate(store: &RoutingStore, agents: u64, at_once: u64) {
    let secret = KeyHash([9; 32]);
    let proxy = "proxy-1".parse().expect("a name");
    let (ca_certificate, ca_key) = (vec![1; 500], vec![2; 150]);
    let (id, strategy) = (ClusterId([7; 16]), Strategy::default());
    let bootstrap = Bootstrap { id, name: "churn".to_owned(), ca_certificate, ca_key, strategy, proxy, key: secret };
    store.bootstrap(bootstrap).await.expect("a group of one");
    let public_addresses = vec!["host:3024".to_owned()];
    let (peer_address, zone, version) = ("host:3021".to_owned(), String::new(), "0".to_owned());
    store.live(ProxyStart { proxy: ProxyId(1), peer_address, public_addresses, zone, version, level: Level::CURRENT });
    store.lease().wait_for(|lease| matches!(lease, LeaseState::Held(_))).await.expect("a lease");
    let (token, name) = (TokenId([1; 8]), "*".parse().expect("a glob"));
    let uses = u32::try_from(agents).expect("fewer agents");
    let new = NewToken { id: token, secret, role: TokenRole::Agent, name, allow: vec![], expires_at: Timestamp(u64::MAX), uses };
    store.propose(Command::CreateToken(new), DEADLINE).await.expect("a token");
    let enroll = |n: u64| {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&n.to_be_bytes());
        let name = self::name(n).to_string();
        Command::Enroll(Enrollment { token, secret, role: TokenRole::Agent, name, key: KeyHash(key) })
    };
    propose_all(store, (0..agents).map(enroll), at_once).await;
}

fn config() -> StoreConfig {
    StoreConfig {
        id: ProxyId(1),
        opened: Incarnation(0),
        peer_address: "host:3021".to_owned(),
        seeds: vec![],
        heartbeat: Duration::from_millis(150),
        election_timeout: Duration::from_secs(1),
        max_voters: 5,
        promote_after: Duration::from_secs(10),
        lease: Duration::from_secs(3),
        seed: 1,
        wall: Arc::new(|| Timestamp(1)),
        tuning: Tuning::default(),
    }
}

/// What the files of a directory and of those in it have together.
fn bytes(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).expect("a directory").filter_map(Result::ok);
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => bytes(&entry.path()),
        Ok(found) => found.len(),
        // It has been removed meanwhile.
        Err(_) => 0,
    };
    entries.map(size).sum()
}

fn list(directory: &Path) {
    for entry in std::fs::read_dir(directory).expect("a directory").filter_map(Result::ok) {
        println!("{:>12} {}", entry.metadata().map_or(0, |found| found.len()), entry.file_name().display());
    }
}
