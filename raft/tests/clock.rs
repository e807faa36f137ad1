//! The wall clock is stepped: it dates records, and nothing else depends on it.

mod network;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use network::{Network, PATIENCE, disks, enroll, three_with, token};
use warren_raft::{Command, LeaseState, Sequence, StoreConfig, Timestamp, TokenRole};

/// What all members read.
static NOW_MS: AtomicU64 = AtomicU64::new(1_000_000_000);
const STEP_MS: u64 = 600_000;
/// Long enough that a busy machine loses none by itself, and short enough that several of them pass.
const LEASE: Duration = Duration::from_millis(2_400);

fn wall(config: StoreConfig) -> StoreConfig {
    let wall = Arc::new(|| Timestamp(NOW_MS.load(Ordering::SeqCst)));
    StoreConfig { wall, election_timeout: Duration::from_millis(600), lease: LEASE, ..config }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_minutes_either_way_cost_no_lease_and_no_election() {
    let (network, disks) = (Network::default(), disks());
    let all = three_with(&network, &disks, wall).await;
    let machines = token(&all[0], TokenRole::Agent, 1).await;
    enroll(&all[0], TokenRole::Agent, machines, "lab", 10).await;
    let before: Vec<_> = all.iter().map(|store| (store.status().term, store.status().leader, *store.lease().borrow())).collect();
    let mut leases: Vec<_> = all.iter().map(|store| store.lease()).collect();
    leases.iter_mut().for_each(|lease| lease.mark_unchanged());
    for (sequence, step) in (1..).zip([1, -1, -1, 1_i64]) {
        let now = NOW_MS.load(Ordering::SeqCst).checked_add_signed(step * i64::try_from(STEP_MS).expect("small")).expect("a time");
        NOW_MS.store(now, Ordering::SeqCst);
        let store = &all[sequence % 3];
        let (proxy, LeaseState::Held(epoch)) = (store.status().id, *store.lease().borrow()) else { panic!("it held its lease") };
        let sequence = Sequence(u64::try_from(sequence).expect("small"));
        let register = Command::RegisterRoute { agent: "lab".parse().expect("a name"), proxy, epoch, sequence };
        store.propose(register, PATIENCE).await.expect("registered");
        // Longer than a lease, so that one that was ended by the step would be missed.
        let changed = tokio::time::timeout(LEASE * 3 / 2, leases[0].changed()).await;
        assert!(changed.is_err(), "a lease has changed");
    }
    let after: Vec<_> = all.iter().map(|store| (store.status().term, store.status().leader, *store.lease().borrow())).collect();
    assert_eq!(after, before);
    for (store, id) in all.iter().zip(1..) {
        network.unplug(id);
        store.shutdown().await;
    }
}
