//! What registrations and withdrawals in churn leave on the disk.
//!
//! `cargo run --release -p warren-raft --example churn` does the same a million times, and prints it.

mod network;

use std::path::Path;
use std::sync::Arc;

use network::{Network, PATIENCE, config, enroll, first, token};
use tokio::task::JoinSet;
use warren_raft::{AgentName, Command, Epoch, ProxyId, RoutingStore, Sequence, SledVolume, TokenRole};

/// The floor below which no snapshot is taken, here.
const FLOOR: u64 = 128 * 1024;
/// What a store may take, in snapshots and in floors: as the README says, there with the floor of production.
const SNAPSHOTS: u64 = 5;
const FLOORS: u64 = 8;
/// sled writes in segments of half a mebibyte and keeps a few of them.
const LEAST: u64 = 3 * 1024 * 1024;
const AGENTS: u64 = 100;
const ROUNDS: u64 = 20;
const CHANGES_A_ROUND: u64 = 4_000;

fn name(n: u64) -> String {
    format!("agent-{n}")
}

/// Even ones register, odd ones withdraw what the one before registered.
fn change(n: u64, epoch: Epoch) -> Command {
    let agent: AgentName = name((n / 2) % AGENTS).parse().expect("a name");
    let (proxy, sequence) = (ProxyId(1), Sequence(1 + n / 2));
    if n.is_multiple_of(2) {
        Command::RegisterRoute { agent, proxy, epoch, sequence }
    } else {
        Command::WithdrawRoute { agent, proxy, epoch, sequence }
    }
}

async fn churn(store: &RoutingStore, changes: std::ops::Range<u64>) {
    let epoch = store.table().epoch(ProxyId(1)).expect("an epoch");
    let mut proposals = JoinSet::new();
    for n in changes {
        if proposals.len() >= 64 {
            proposals.join_next().await.expect("one is running").expect("no panic");
        }
        let store = store.clone();
        proposals.spawn(async move {
            store.propose(change(n, epoch), PATIENCE).await.expect("committed");
        });
    }
    while let Some(ended) = proposals.join_next().await {
        ended.expect("no panic");
    }
}

fn bytes(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).expect("a directory").filter_map(Result::ok);
    // What has been removed meanwhile takes nothing.
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => bytes(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    };
    entries.map(size).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn churn_leaves_a_store_within_its_bounds() {
    let (network, directory) = (Network::default(), tempfile::tempdir().expect("a directory"));
    let mut config = config(1, &[]);
    config.tuning.snapshot_floor_bytes = FLOOR;
    let store = first(&network, config, Arc::new(SledVolume::new(directory.path()))).await;
    let machines = token(&store, TokenRole::Agent, 1_000).await;
    for n in 0..AGENTS {
        enroll(&store, TokenRole::Agent, machines, &name(n), u8::try_from(n).expect("few")).await;
    }
    let mut written = 0;
    for round in 0..ROUNDS {
        let before = store.usage().log_entries;
        churn(&store, round * CHANGES_A_ROUND..(round + 1) * CHANGES_A_ROUND).await;
        let (usage, taken) = (store.usage(), bytes(directory.path()));
        let bound = SNAPSHOTS * usage.snapshot_bytes + FLOORS * FLOOR + LEAST;
        assert!(taken <= bound, "{taken} bytes of at most {bound}: {usage:?}");
        assert!(usage.log_bytes <= 4 * FLOOR + usage.snapshot_bytes, "{usage:?}");
        written += usage.log_entries.abs_diff(before);
    }
    let usage = store.usage();
    assert!(usage.snapshot_index > 0 && usage.snapshot_bytes > 0 && written > 0, "there was something to take room: {usage:?}");
    network.unplug(1);
    store.shutdown().await;
}
