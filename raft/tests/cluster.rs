//! A group of members: it grows, loses its leader, restarts, and every read that is confirmed is new.

mod network;

use std::sync::Arc;
use std::time::Duration;

use network::{Network, PATIENCE, config, disks, enroll, first, has_lease, hash, open, start, three, three_with, token, until};
use warren_raft::command::Enrollment;
use warren_raft::{
    AgentName, Command, Epoch, KeyHash, LeaseState, MemoryDisk, ProposeError, ProxyId, ReadError, Rejection, RoutingStore, Sequence,
    Service, ServiceKind, SledVolume, StoreConfig, TokenRole,
};

fn agent(name: &str) -> AgentName {
    name.parse().expect("a name")
}

fn epoch(store: &RoutingStore, proxy: u64) -> Epoch {
    store.table().epoch(ProxyId(proxy)).expect("an epoch")
}

async fn register(store: &RoutingStore, name: &str, proxy: u64, sequence: u64) {
    let register =
        Command::RegisterRoute { agent: agent(name), proxy: ProxyId(proxy), epoch: epoch(store, proxy), sequence: Sequence(sequence) };
    store.propose(register, PATIENCE).await.expect("registered");
}

async fn stop(all: Vec<RoutingStore>, network: &Network) {
    for (store, id) in all.iter().zip(1..) {
        network.unplug(id);
        store.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_members_agree_and_outlive_their_leader() {
    let (network, disks) = (Network::default(), disks());
    let mut all = three(&network, &disks).await;
    let machines = token(&all[2], TokenRole::Agent, 10).await;
    enroll(&all[1], TokenRole::Agent, machines, "lab-pi", 10).await;
    register(&all[1], "lab-pi", 2, 1).await;
    for store in &all {
        let table = store.confirm(PATIENCE).await.expect("confirmed");
        assert_eq!(table.routes_of(&agent("lab-pi")).count(), 1);
    }

    let leader = all[0].status().leader.expect("a leader");
    let place = usize::try_from(leader.0).expect("small") - 1;
    network.unplug(leader.0);
    let gone = all.remove(place);
    drop(gone);
    let survivor = all[0].status().id.0;
    register(&all[0], "lab-pi", survivor, 5).await;
    for store in &all {
        let table = store.confirm(PATIENCE).await.expect("confirmed by the new leader");
        let routes: Vec<_> = table.routes_of(&agent("lab-pi")).map(|route| (route.proxy.0, route.sequence.0)).collect();
        assert!(routes.contains(&(survivor, 5)), "{routes:?}");
        assert_ne!(store.status().leader, Some(leader));
    }
    // The lease of the one that is gone ends, and with it its epoch.
    until(&all[1], |store| store.table().epoch(leader).is_none()).await;
    for store in all {
        store.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_everything() {
    let (network, disks) = (Network::default(), disks());
    let all = three(&network, &disks).await;
    let machines = token(&all[0], TokenRole::Agent, 1).await;
    enroll(&all[0], TokenRole::Agent, machines, "lab-pi", 10).await;
    let before = epoch(&all[1], 2);
    stop(all, &network).await;

    let mut all = Vec::new();
    for (disk, id) in disks.iter().zip(1..) {
        let disk = Arc::new(disk.after_crash());
        let store = open(&network, config(id, &[]), disk).await;
        store.live(start(id));
        all.push(store);
    }
    for store in &all {
        has_lease(store).await;
        let table = store.confirm(PATIENCE).await.expect("confirmed");
        assert!(table.agent(&agent("lab-pi")).is_some());
        assert_eq!(store.status().voters.len(), 3);
    }
    let table = all[0].confirm(PATIENCE).await.expect("confirmed");
    assert!(table.epoch(ProxyId(2)) > Some(before), "a start is a new epoch");
    stop(all, &network).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sled_keeps_a_group_of_one() {
    let directory = tempfile::tempdir().expect("a directory");
    let disk = || Arc::new(SledVolume::new(directory.path()));
    let network = Network::default();
    let store = first(&network, config(1, &[]), disk()).await;
    let machines = token(&store, TokenRole::Agent, 3).await;
    enroll(&store, TokenRole::Agent, machines, "lab-pi", 10).await;
    let term = store.status().term;
    network.unplug(1);
    store.shutdown().await;

    let store = open(&network, config(1, &[]), disk()).await;
    store.live(start(1));
    has_lease(&store).await;
    // Its disk may lack what its followers have committed in the term before.
    assert!(store.status().term > term, "who led is elected anew");
    let table = store.confirm(PATIENCE).await.expect("confirmed");
    assert!(table.agent(&agent("lab-pi")).is_some());
    network.unplug(1);
    store.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_is_cut_off_knows_it_and_comes_back() {
    let (network, disks) = (Network::default(), disks());
    let all = three(&network, &disks).await;
    let leader = all[0].status().leader.expect("a leader");
    let lonely = all.iter().find(|store| store.status().id != leader).expect("a follower");
    let id = lonely.status().id;
    let held = *lonely.lease().borrow();
    network.cut(id.0);

    let mut lease = lonely.lease();
    tokio::time::timeout(PATIENCE, lease.wait_for(|state| *state == LeaseState::Lost)).await.expect("in time").expect("running");
    let short = Duration::from_millis(50);
    assert_eq!(lonely.confirm(short).await.err(), Some(ReadError::NoQuorum(short)));
    let command = Command::WithdrawRoute { agent: agent("a"), proxy: id, epoch: Epoch(1), sequence: Sequence(1) };
    assert_eq!(lonely.propose(command, short).await, Err(ProposeError::NoQuorum(short)));
    let other = all.iter().find(|store| store.status().id != id).expect("another");
    until(other, |store| store.table().epoch(id).is_none()).await;

    network.mend(id.0);
    has_lease(lonely).await;
    assert_ne!(*lonely.lease().borrow(), held, "the leader had ended that epoch");
    stop(all, &network).await;
}

/// What pre-vote is for. The lease is long, so that its end comes after several election time-outs.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_is_cut_off_does_not_depose_the_leader() {
    let (network, disks) = (Network::default(), disks());
    let all = three_with(&network, &disks, |config| StoreConfig {
        election_timeout: Duration::from_millis(600),
        lease: Duration::from_millis(2_400),
        ..config
    })
    .await;
    let leader = all[0].status().leader.expect("a leader");
    let lonely = all.iter().find(|store| store.status().id != leader).expect("a follower");
    let (id, term) = (lonely.status().id, lonely.status().term);
    network.cut(id.0);
    let other = all.iter().find(|store| store.status().id != id).expect("another");
    until(other, |store| store.table().epoch(id).is_none()).await;
    network.mend(id.0);
    lonely.confirm(PATIENCE).await.expect("it is back");
    assert_eq!((other.status().term, lonely.status().term), (term, term), "it has not campaigned alone");
    stop(all, &network).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_missed_much_is_given_a_snapshot() {
    let (network, disks) = (Network::default(), disks());
    let small = |id, seeds: &[u64]| {
        let mut config = config(id, seeds);
        config.tuning.snapshot_after = 20;
        config.tuning.keep_behind_snapshot = 2;
        config
    };
    let one = first(&network, small(1, &[]), disks[0].clone()).await;
    let machines = token(&one, TokenRole::Agent, 1000).await;
    for n in 0..200_u8 {
        enroll(&one, TokenRole::Agent, machines, &format!("agent-{n}"), n).await;
    }
    until(&one, |store| store.status().snapshot_index > 100).await;
    let proxies = token(&one, TokenRole::Proxy, 1).await;
    enroll(&one, TokenRole::Proxy, proxies, "proxy-2", 2).await;
    let two = open(&network, small(2, &[1]), disks[1].clone()).await;
    two.live(start(2));
    has_lease(&two).await;
    assert_eq!(two.confirm(PATIENCE).await.expect("confirmed").agents().count(), 200);
    stop(vec![one, two], &network).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_disk_is_reported() {
    let (network, disk) = (Network::default(), Arc::new(MemoryDisk::default()));
    let store = first(&network, config(1, &[]), disk.clone()).await;
    disk.fail("no space left");
    let failing = store.propose(Command::RevokeToken { id: warren_raft::TokenId([0; 8]) }, PATIENCE).await;
    assert!(matches!(failing, Err(ProposeError::Stopped(_))), "{failing:?}");
    let reason = tokio::time::timeout(PATIENCE, store.failed()).await.expect("in time");
    assert!(reason.contains("no space left"), "{reason}");
    network.unplug(1);
    store.shutdown().await;
}

/// The transport refuses messages of more than a mebibyte, so that this fails if there is one.
#[tokio::test(flavor = "multi_thread")]
async fn large_changes_travel_in_small_messages() {
    let (network, disks) = (Network::default(), disks());
    let all = three(&network, &disks).await;
    let machines = token(&all[0], TokenRole::Agent, 1).await;
    enroll(&all[0], TokenRole::Agent, machines, "lab-pi", 10).await;
    let publish = |bytes: usize, version: &str| Command::PublishServices {
        agent: agent("lab-pi"),
        services: vec![Service { name: "web".parse().expect("a name"), target: "x".repeat(bytes), kind: ServiceKind::Tcp }],
        version: version.to_owned(),
    };
    let mut proposals = tokio::task::JoinSet::new();
    for n in 0..12 {
        let (store, command) = (all[n % 3].clone(), publish(300 * 1024, &n.to_string()));
        proposals.spawn(async move { store.propose(command, PATIENCE).await });
    }
    for outcome in proposals.join_all().await {
        outcome.expect("committed");
    }
    let rejected = all[1].propose(publish(600 * 1024, "13"), PATIENCE).await;
    assert!(matches!(rejected, Err(ProposeError::Rejected(Rejection::TooMany { .. }))), "{rejected:?}");
    for store in &all {
        let table = store.confirm(PATIENCE).await.expect("confirmed");
        assert_eq!(table.agent(&agent("lab-pi")).map(|agent| agent.services[0].target.len()), Some(300 * 1024));
    }
    stop(all, &network).await;
}

/// Many callers at once become few entries, and each gets its own answer.
#[tokio::test(flavor = "multi_thread")]
async fn changes_that_wait_share_an_entry() {
    let (network, disks) = (Network::default(), disks());
    let all = three(&network, &disks).await;
    let machines = token(&all[0], TokenRole::Agent, 1_000).await;
    let before = all[0].status().applied_index;
    let mut proposals = tokio::task::JoinSet::new();
    for n in 0..1_000_u64 {
        let store = all[1].clone();
        let (key, name) = (KeyHash([u8::try_from(n % 251).expect("small"); 32]), format!("agent-{n}"));
        let enrollment = Enrollment { token: machines, secret: hash(99), role: TokenRole::Agent, name, key };
        proposals.spawn(async move { store.propose(Command::Enroll(enrollment), PATIENCE).await });
    }
    let answers = proposals.join_all().await;
    assert!(answers.iter().all(Result::is_ok));
    let table = all[2].confirm(PATIENCE).await.expect("confirmed");
    assert_eq!(table.agents().count(), 1_000);
    let entries = all[2].status().applied_index - before;
    assert!(entries < 200, "{entries} entries");
    stop(all, &network).await;
}
