//! How long the group is without a leader, in election time-outs, and that load alone costs it none.

#![expect(clippy::print_stdout, reason = "the figures are what these tests measure")]

mod network;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use network::weather::Storm;
use network::{Network, PATIENCE, config, disks, three_with, token, until};
use tokio::time::Instant;
use warren_raft::disk::DiskDrive;
use warren_raft::{RoutingStore, StoreConfig, TokenRole, Tuning};

/// The defaults of `config.toml`.
const ELECTION_TIMEOUT: Duration = Duration::from_secs(1);
const HEARTBEAT: Duration = Duration::from_millis(150);

/// As configured by default, driven by nothing but the runtime: its clock can then be moved.
fn by_default(config: StoreConfig) -> StoreConfig {
    StoreConfig {
        heartbeat: HEARTBEAT,
        election_timeout: ELECTION_TIMEOUT,
        lease: Duration::from_secs(3),
        tuning: Tuning { drive: DiskDrive::Task, ..Tuning::default() },
        ..config
    }
}

async fn stop(all: &[RoutingStore], network: &Network) {
    for store in all {
        network.unplug(store.status().id.0);
        store.shutdown().await;
    }
}

/// The promise is a new leader within two seconds at the default of one: two election time-outs. Within the first none may stand.
#[tokio::test(start_paused = true)]
async fn a_new_leader_comes_within_two_election_time_outs() {
    let mut longest = Duration::ZERO;
    for seed in 0..40_u32 {
        let (network, disks) = (Network::default(), disks());
        let all =
            three_with(&network, &disks, |config| StoreConfig { seed: config.seed + u64::from(seed) * 100, ..by_default(config) }).await;
        // The leader dies at another moment between two heartbeats each time.
        tokio::time::sleep(HEARTBEAT * seed / 10).await;
        let leader = all[0].status().leader.expect("a leader");
        let left: Vec<_> = all.iter().filter(|store| store.status().id != leader).cloned().collect();
        network.cut(leader.0);
        let died = Instant::now();
        token(&left[0], TokenRole::Agent, 1).await;
        let without = died.elapsed();
        assert!(without < ELECTION_TIMEOUT * 2, "{without:?} without a leader");
        assert!(without > ELECTION_TIMEOUT - HEARTBEAT * 2, "{without:?}: it was not given its time");
        longest = longest.max(without);
        stop(&all, &network).await;
    }
    println!(
        "a write through another member is committed at most {longest:?} after the leader's death, at an election time-out of {ELECTION_TIMEOUT:?}"
    );
}

/// Where notes of votes take as long as here, a voter that lags behind and stood again and again kept the others from winning for minutes.
#[tokio::test(start_paused = true)]
async fn a_voter_that_lags_behind_does_not_keep_the_group_without_a_leader() {
    let mut longest = Duration::ZERO;
    for seed in 0..20_u32 {
        let (network, disks) = (Network::default(), disks());
        network.seed(seed.into());
        let all =
            three_with(&network, &disks, |config| StoreConfig { seed: config.seed + u64::from(seed) * 100, ..by_default(config) }).await;
        let leader = all[0].status().leader.expect("a leader");
        let (behind, ahead) = match leader.0 {
            1 => (2, 2),
            2 => (3, 0),
            _ => (1, 1),
        };
        network.cut(behind);
        for uses in 1..5 {
            let strategy = all[ahead].table().cluster().expect("a cluster").strategy;
            let strategy = warren_raft::Strategy { agent_connection_count: uses, ..strategy };
            all[ahead].propose(warren_raft::Command::SetStrategy(strategy), PATIENCE).await.expect("committed");
        }
        tokio::time::sleep(ELECTION_TIMEOUT * 2).await;
        network.storm(Storm { delay: ELECTION_TIMEOUT / 8, ..Storm::default() });
        network.cut(leader.0);
        network.mend(behind);
        let died = Instant::now();
        until(&all[ahead], |store| store.status().leader.is_some_and(|now| now != leader)).await;
        let without = died.elapsed();
        assert!(without < ELECTION_TIMEOUT * 8, "{without:?} without a leader");
        longest = longest.max(without);
        stop(&all, &network).await;
    }
    println!("a group of which one lags behind has a leader at most {longest:?} after the last one's death");
}

/// More threads than cores that do nothing but compute, until it is dropped.
struct Load(Arc<AtomicBool>);

impl Load {
    fn start() -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        for _ in 0..4 {
            let ended = ended.clone();
            std::thread::spawn(move || {
                while !ended.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        Self(ended)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn load_costs_no_election() {
    let (network, disks) = (Network::default(), disks());
    let all = three_with(&network, &disks, by_default).await;
    let term = all[0].status().term;
    let load = Load::start();
    let begun = Instant::now();
    let mut tokens = 0_u8;
    while begun.elapsed() < ELECTION_TIMEOUT * 5 {
        tokens = tokens.wrapping_add(1);
        let store = &all[usize::from(tokens) % all.len()];
        let strategy =
            warren_raft::Strategy { agent_connection_count: tokens.max(1).into(), ..store.table().cluster().expect("a cluster").strategy };
        store.propose(warren_raft::Command::SetStrategy(strategy), PATIENCE).await.expect("committed");
    }
    drop(load);
    for store in &all {
        until(store, |store| store.status().leader.is_some()).await;
        assert_eq!(store.status().term, term, "an election under load");
    }
    stop(&all, &network).await;
}

#[tokio::test]
async fn a_heartbeat_that_does_not_suit_the_election_time_out_is_refused() {
    let network = Network::default();
    let slow = StoreConfig { heartbeat: ELECTION_TIMEOUT, ..by_default(config(1, &[])) };
    let refused = network::try_open(&network, slow).await.expect_err("it must not open").to_string();
    assert!(refused.contains("more than 3 times the heartbeat"), "{refused}");
}
