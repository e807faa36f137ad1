//! A disk that is full and has room again, or that fails: what was acknowledged is there, and the member says what it does.

mod network;

use std::sync::Arc;
use std::time::Duration;

use network::{Network, PATIENCE, config, disks, enroll, first, has_lease, open, start, three_with, token, until};
use warren_raft::{
    AgentName, Command, DiskState, MemoryDisk, ProposeError, ProxyId, ReadError, RoutingStore, Sequence, StoreConfig, TokenId, TokenRole,
};

/// Long enough for an election on a busy machine.
const LEASE: Duration = Duration::from_millis(2_400);

fn agent(name: &str) -> AgentName {
    name.parse().expect("a name")
}

fn register(store: &RoutingStore, name: &str, proxy: u64, sequence: u64) -> Command {
    let epoch = store.table().epoch(ProxyId(proxy)).expect("an epoch");
    Command::RegisterRoute { agent: agent(name), proxy: ProxyId(proxy), epoch, sequence: Sequence(sequence) }
}

/// Waits until the disk does as wanted.
async fn disk_is(store: &RoutingStore, wanted: fn(&DiskState) -> bool) {
    let mut disk = store.disk();
    tokio::time::timeout(PATIENCE, disk.wait_for(wanted)).await.expect("in time").expect("a running store");
}

/// A write that finds out that the disk is full.
async fn notice(store: &RoutingStore) {
    let found = store.propose(Command::RevokeToken { id: TokenId([0; 8]) }, PATIENCE).await;
    assert!(matches!(found, Err(ProposeError::Disk(_))), "{found:?}");
    disk_is(store, |disk| matches!(disk, DiskState::Full(_))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_and_comes_back_by_itself() {
    let (network, disk) = (Network::default(), Arc::new(MemoryDisk::default()));
    let store = first(&network, config(1, &[]), disk.clone()).await;
    let machines = token(&store, TokenRole::Agent, 10).await;
    enroll(&store, TokenRole::Agent, machines, "before", 10).await;
    let (applied, openings) = (*store.applied().borrow(), store.incarnation());

    disk.fill();
    notice(&store).await;
    assert!(store.table().agent(&agent("before")).is_some(), "the table stays readable");
    assert_eq!(store.status().state, "stopped");
    let refused = store.propose(register(&store, "before", 1, 1), PATIENCE).await;
    assert!(matches!(&refused, Err(ProposeError::Disk(reason)) if reason.contains("no space left")), "{refused:?}");
    assert!(matches!(store.confirm(PATIENCE).await, Err(ReadError::Disk(_))));

    disk.make_room();
    disk_is(&store, |disk| *disk == DiskState::Writable).await;
    assert!(*store.applied().borrow() >= applied, "what is shown never goes back");
    has_lease(&store).await;
    store.propose(register(&store, "before", 1, 2), PATIENCE).await.expect("it takes writes");
    assert!(store.incarnation() > openings, "that was an opening");
    network.unplug(1);
    store.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_with_a_full_disk_is_replaced_and_catches_up() {
    let (network, disks) = (Network::default(), disks());
    let all = three_with(&network, &disks, |config| StoreConfig { lease: LEASE, ..config }).await;
    let machines = token(&all[0], TokenRole::Agent, 100).await;
    let leader = all[0].status().leader.expect("a leader");
    let place = usize::try_from(leader.0).expect("small") - 1;
    let (full, other) = (&all[place], &all[(place + 1) % 3]);
    let mut lease = full.lease();
    let held = *lease.borrow_and_update();

    disks[place].fill();
    notice(full).await;
    until(other, |store| store.status().leader.is_some_and(|now| now != leader)).await;
    for n in 0..20_u8 {
        enroll(other, TokenRole::Agent, machines, &format!("agent-{n}"), n).await;
    }
    // It renews through the others: for longer than a lease it keeps the one it has.
    let lost = tokio::time::timeout(LEASE * 3 / 2, lease.changed()).await;
    assert!(lost.is_err(), "{:?}", *lease.borrow());
    assert!(other.confirm(PATIENCE).await.expect("confirmed").epoch(leader).is_some());

    disks[place].make_room();
    disk_is(full, |disk| *disk == DiskState::Writable).await;
    let table = full.confirm(PATIENCE).await.expect("it has caught up");
    assert_eq!(table.agents().count(), 20);
    assert_eq!(*full.lease().borrow(), held);
    for (store, id) in all.iter().zip(1..) {
        network.unplug(id);
        store.shutdown().await;
    }
}

/// Nobody would be elected within the test's patience without the former leader's word.
#[tokio::test(flavor = "multi_thread")]
async fn a_leader_whose_disk_refuses_leaves_its_place_to_another() {
    let faults: [fn(&MemoryDisk); 2] = [MemoryDisk::fill, |disk| disk.fail("input/output error")];
    for fault in faults {
        let (network, disks) = (Network::default(), disks());
        let all = three_with(&network, &disks, |config| StoreConfig { election_timeout: 4 * PATIENCE, ..config }).await;
        let leader = all[0].status().leader.expect("a leader");
        let place = usize::try_from(leader.0).expect("small") - 1;
        fault(&disks[place]);
        all[place].propose(Command::RevokeToken { id: TokenId([0; 8]) }, PATIENCE).await.expect_err("its disk refuses");
        let other = &all[(place + 1) % 3];
        until(other, |store| store.status().leader.is_some_and(|now| now != leader)).await;
        token(other, TokenRole::Agent, 1).await;
        for (store, id) in all.iter().zip(1..) {
            network.unplug(id);
            store.shutdown().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fails_ends_the_member_and_keeps_what_was_acknowledged() {
    let (network, disk) = (Network::default(), Arc::new(MemoryDisk::default()));
    let store = first(&network, config(1, &[]), disk.clone()).await;
    let machines = token(&store, TokenRole::Agent, 10).await;
    enroll(&store, TokenRole::Agent, machines, "before", 10).await;
    disk.fail("input/output error");
    let failing = store.propose(Command::RevokeToken { id: TokenId([0; 8]) }, PATIENCE).await;
    assert!(matches!(failing, Err(ProposeError::Stopped(_))), "{failing:?}");
    let reason = tokio::time::timeout(PATIENCE, store.failed()).await.expect("in time");
    assert!(reason.contains("input/output error"), "{reason}");
    disk_is(&store, |disk| matches!(disk, DiskState::Failed(_))).await;
    network.unplug(1);
    store.shutdown().await;

    let store = open(&network, config(1, &[]), Arc::new(disk.after_crash())).await;
    store.live(start(1));
    has_lease(&store).await;
    assert!(store.table().agent(&agent("before")).is_some());
    network.unplug(1);
    store.shutdown().await;
}
