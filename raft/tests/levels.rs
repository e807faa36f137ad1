//! A group in which one member is of an older version.

mod network;

use std::sync::Arc;

use network::{Network, PATIENCE, config, disks, enroll, has_lease, open, start, three_with, until};
use warren_raft::{
    AgentName, Command, Drain, Level, MemoryDisk, OpenError, ProposeError, ProxyId, Rejection, RoutingStore, StoreConfig, TokenId,
    TokenRole, Tuning,
};

fn at(level: Level, config: StoreConfig) -> StoreConfig {
    StoreConfig { tuning: Tuning { level, ..config.tuning }, ..config }
}

async fn stop(all: Vec<RoutingStore>, network: &Network) {
    for store in all {
        network.unplug(store.status().id.0);
        store.shutdown().await;
    }
}

/// A level, a command of it, and what the table has to say of that once it may be written.
fn newer(level: u64) -> (Level, Command, Rejection) {
    let proxy = ProxyId(9);
    let agent: AgentName = "nobody".parse().expect("a name");
    match level {
        2 => (Level(2), Command::RemoveProxy { proxy }, Rejection::ProxyUnknown(proxy)),
        3 => (Level(3), Command::DrainProxy { proxy, drain: Drain::Ordered }, Rejection::ProxyUnknown(proxy)),
        4 => (Level(4), Command::RemoveAgent { agent: agent.clone() }, Rejection::AgentUnknown(agent)),
        other => panic!("no command of level {other} is tried"),
    }
}

async fn one_older_member_holds_it_back((level, newer, written): (Level, Command, Rejection)) {
    let before = Level(level.0 - 1);
    let (network, disks) = (Network::default(), disks());
    // Two of them would raise it at once: the third is in the table from the start.
    let mut all = three_with(&network, &disks, |config| at(before, config)).await;
    for place in [0, 1] {
        restart(&mut all, place, level, &network, &disks[place]).await;
    }
    // Long enough for several looks of whoever leads.
    for store in &all {
        until(store, |store| store.table().level() == before).await;
        store.confirm(PATIENCE).await.expect("confirmed");
        assert_eq!((store.table().level(), store.table().next_level()), (before, None));
    }
    for store in &all {
        let above = ProposeError::AboveLevel { needed: level, cluster: before, held_back_by: vec!["proxy-3".parse().expect("a name")] };
        assert_eq!(store.propose(newer.clone(), PATIENCE).await, Err(above.clone()));
        assert!(above.to_string().ends_with("update warren on `proxy-3`"), "{above}");
    }
    let raise = Command::RaiseLevel { level };
    let held = ProposeError::Rejected(Rejection::LevelHeldBack("proxy-3".parse().expect("a name")));
    assert_eq!(all[0].propose(raise.clone(), PATIENCE).await, Err(held.clone()));
    // Being down is no reason to forget what it knows.
    network.unplug(3);
    all.remove(2).shutdown().await;
    until(&all[0], |store| store.table().epoch(ProxyId(3)).is_none()).await;
    assert_eq!(all[0].propose(raise, PATIENCE).await, Err(held));
    // It comes back in the new version, and the level rises by itself.
    disks[2].reopen();
    let three = open(&network, at(level, config(3, &[])), disks[2].clone()).await;
    three.live(start(3));
    all.push(three);
    for store in &all {
        until(store, |store| store.table().level() == level).await;
        let answer = store.propose(newer.clone(), PATIENCE).await;
        assert_eq!(answer, Err(ProposeError::Rejected(written.clone())), "it was written");
    }
    stop(all, &network).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_older_member_holds_a_removal_back_until_it_is_updated() {
    one_older_member_holds_it_back(newer(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_older_member_holds_a_drain_back_until_it_is_updated() {
    one_older_member_holds_it_back(newer(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_older_member_holds_the_removal_of_an_agent_back_until_it_is_updated() {
    one_older_member_holds_it_back(newer(4)).await;
}

async fn restart(all: &mut [RoutingStore], place: usize, level: Level, network: &Network, disk: &Arc<MemoryDisk>) {
    let id = all[place].status().id.0;
    network.unplug(id);
    all[place].shutdown().await;
    disk.reopen();
    all[place] = open(network, at(level, config(id, &[])), disk.clone()).await;
    all[place].live(start(id));
    has_lease(&all[place]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_knows_too_little_is_refused_before_it_does_harm() {
    let (network, disks) = (Network::default(), disks());
    let all = three_with(&network, &disks, |config| at(Level(2), config)).await;
    for store in &all {
        until(store, |store| store.table().level() == Level(2)).await;
    }
    // A new one, which was enrolled and never started.
    let spare = TokenId([TokenRole::Proxy as u8; 8]);
    enroll(&all[0], TokenRole::Proxy, spare, "proxy-4", 4).await;
    let four = open(&network, at(Level(1), config(4, &[1])), Arc::new(MemoryDisk::default())).await;
    four.live(start(4));
    let reason = tokio::time::timeout(PATIENCE, four.failed()).await.expect("it ends");
    assert!(reason.contains("knows feature level 1 and the cluster is at 2: update warren on this machine"), "{reason}");
    assert!(!all[0].status().learners.contains(&ProxyId(4)), "the group never took it in");
    network.unplug(4);
    four.shutdown().await;
    stop(all, &network).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_goes_back_to_an_older_version_does_not_open() {
    let (network, disks) = (Network::default(), disks());
    let mut all = three_with(&network, &disks, |config| at(Level(2), config)).await;
    until(&all[2], |store| store.table().level() == Level(2)).await;
    network.unplug(3);
    all.remove(2).shutdown().await;
    disks[2].reopen();
    let older = at(Level(1), config(3, &[]));
    let opened = RoutingStore::open(older, disks[2].clone(), network.transport(3)).await;
    assert!(matches!(opened, Err(OpenError::Outdated { found: Level(2), known: Level(1), .. })), "{opened:?}");
    stop(all, &network).await;
}
