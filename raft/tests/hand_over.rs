//! Leadership is handed over: to whom, what it costs the writes that go on meanwhile, and what becomes of a try that fails.

#![expect(clippy::print_stdout, reason = "the figures are what these tests measure")]

mod network;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use network::{Network, PATIENCE, config, disks, enroll, first, has_lease, open, start, three, three_with, token, until};
use tokio::task::JoinSet;
use tokio::time::Instant;
use warren_raft::{
    Command, Drain, Level, MemoryDisk, NotHandedOver, ProxyId, RoutingStore, StoreConfig, TokenId, TokenRole, TransferError,
};

/// The number of the request by which a leader calls upon its successor.
const CAMPAIGN: u8 = 6;

fn leader(all: &[RoutingStore]) -> ProxyId {
    all[0].status().leader.expect("a leader")
}

fn member(all: &[RoutingStore], id: ProxyId) -> &RoutingStore {
    all.iter().find(|store| store.status().id == id).expect("it runs")
}

async fn stop(all: &[RoutingStore], network: &Network) {
    for store in all {
        network.unplug(store.status().id.0);
        store.shutdown().await;
    }
}

async fn refused(store: &RoutingStore, to: Option<u64>) -> NotHandedOver {
    match store.transfer_leadership(to.map(ProxyId), PATIENCE).await.expect_err("it must be refused") {
        TransferError::Refused(reason) => reason,
        other @ (TransferError::NoLeader(_) | TransferError::Stopped(_)) => panic!("{other}"),
    }
}

/// Enrols agents through one member, one after the other, until told to stop; gives their number and the longest that one took.
async fn enrol_on(store: RoutingStore, token: TokenId, ended: Arc<AtomicBool>) -> (u64, Duration) {
    let (mut done, mut longest) = (0, Duration::ZERO);
    while !ended.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let name = format!("agent-{}-{done}", store.status().id);
        enroll(&store, TokenRole::Agent, token, &name, 7).await;
        longest = longest.max(begun.elapsed());
        done += 1;
    }
    (done, longest)
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_wait_for_less_than_an_election_and_none_is_lost() {
    let (network, disks) = (Network::default(), disks());
    let all = three_with(&network, &disks, |config| StoreConfig {
        election_timeout: Duration::from_secs(1),
        lease: Duration::from_secs(3),
        ..config
    })
    .await;
    let token = token(&all[0], TokenRole::Agent, 1_000_000).await;
    let ended = Arc::new(AtomicBool::new(false));
    let mut writers = JoinSet::new();
    for store in &all {
        writers.spawn(enrol_on(store.clone(), token, ended.clone()));
    }
    let mut longest_transfer = Duration::ZERO;
    for round in 0..12_usize {
        // Through each member in turn: the leader, and those that pass it on. Named, and left to the leader.
        let (from, term) = (leader(&all), all[0].status().term);
        let to = (round % 2 == 0).then(|| ProxyId(from.0 % 3 + 1));
        let begun = Instant::now();
        let outcome = all[round % 3].transfer_leadership(to, PATIENCE).await;
        longest_transfer = longest_transfer.max(begun.elapsed());
        let (before, now) = outcome.expect("handed over");
        assert!(before == from && now != from && to.is_none_or(|to| to == now), "{from} to {to:?}: {before} to {now}");
        for store in &all {
            until(store, |store| store.status().leader == Some(now)).await;
            assert_eq!(store.status().term, term + 1, "one election");
        }
        for store in &all {
            has_lease(store).await;
        }
    }
    ended.store(true, Ordering::Relaxed);
    let outcomes = writers.join_all().await;
    let written: u64 = outcomes.iter().map(|(done, _)| done).sum();
    let longest_write = outcomes.iter().map(|(_, longest)| *longest).max().unwrap_or_default();
    println!("12 transfers took up to {longest_transfer:?} each, and none of {written} writes beside them longer than {longest_write:?}");
    assert!(longest_write < Duration::from_millis(700), "{longest_write:?}: as long as a leader's lease");
    for store in &all {
        let table = store.confirm(PATIENCE).await.expect("confirmed");
        assert_eq!(table.agents().count() as u64, written, "each is there, once");
    }
    stop(&all, &network).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_lead_is_named_with_the_reason() {
    let (network, disks) = (Network::default(), disks());
    let all = three_with(&network, &disks, |config| StoreConfig { max_voters: 3, ..config }).await;
    let one = leader(&all);
    assert_eq!(refused(&all[1], Some(one.0)).await, NotHandedOver::Leads);
    assert_eq!(refused(&all[1], Some(77)).await, NotHandedOver::NoMember);
    let down = ProxyId(one.0 % 3 + 1);
    network.cut(down.0);
    until(member(&all, one), |store| store.table().epoch(down).is_none()).await;
    assert_eq!(refused(member(&all, one), Some(down.0)).await, NotHandedOver::Down);
    // Whoever is left is taken.
    let now = hand_on(member(&all, one)).await;
    assert!(now != one && now != down);
    stop(&all, &network).await;
}

/// Hands over to whoever the leader chooses, and returns who leads then.
async fn hand_on(store: &RoutingStore) -> ProxyId {
    let begun = Instant::now();
    loop {
        match store.transfer_leadership(None, PATIENCE).await {
            Ok((_, now)) => return now,
            // On a busy machine a change that is under way may take longer than a hand-over waits for it.
            Err(TransferError::Refused(NotHandedOver::Busy)) if begun.elapsed() < PATIENCE => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_drains_leads_only_where_no_other_can() {
    let (network, disks) = (Network::default(), disks());
    let all = three(&network, &disks).await;
    until(&all[0], |store| store.table().level() >= Level(3)).await;
    let one = leader(&all);
    let (two, three) = (ProxyId(one.0 % 3 + 1), ProxyId((one.0 + 1) % 3 + 1));
    let drain = async |proxy: ProxyId| {
        all[0].propose(Command::DrainProxy { proxy, drain: Drain::Ordered }, PATIENCE).await.expect("it may");
        for store in &all {
            until(store, |store| store.table().is_draining(proxy)).await;
        }
    };
    drain(two).await;
    for expected in [three, one, three, one] {
        assert_eq!(hand_on(&all[0]).await, expected, "the only other one that stays");
        for store in &all {
            until(store, |store| store.status().leader == Some(expected)).await;
        }
    }
    drain(three).await;
    assert_ne!(hand_on(&all[0]).await, one, "both others drain");
    stop(&all, &network).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_learner_and_a_group_of_one_do_not_take_over() {
    let network = Network::default();
    let adapt = |id, seeds: &[u64]| StoreConfig { max_voters: 1, ..config(id, seeds) };
    let one = first(&network, adapt(1, &[]), Arc::new(MemoryDisk::default())).await;
    assert_eq!(refused(&one, None).await, NotHandedOver::Alone);
    let proxies = token(&one, TokenRole::Proxy, 1).await;
    assert_eq!(enroll(&one, TokenRole::Proxy, proxies, "proxy-2", 2).await, Some(ProxyId(2)));
    let two = open(&network, adapt(2, &[1]), Arc::new(MemoryDisk::default())).await;
    two.live(start(2));
    has_lease(&two).await;
    // It has its epoch by then, but the change that makes it a member may still be under way.
    until(&one, |store| store.status().learners.contains(&ProxyId(2))).await;
    assert_eq!(refused(&two, Some(2)).await, NotHandedOver::Learner);
    assert_eq!(refused(&two, None).await, NotHandedOver::Alone);
    stop(&[one, two], &network).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_successor_that_does_not_hear_leaves_everything_as_it_was() {
    let (network, disks) = (Network::default(), disks());
    let all = three(&network, &disks).await;
    let (one, term) = (leader(&all), all[0].status().term);
    network.lose(Some(CAMPAIGN));
    assert_eq!(refused(member(&all, one), None).await, NotHandedOver::Late);
    token(&all[1], TokenRole::Agent, 1).await;
    assert_eq!((leader(&all), all[0].status().term), (one, term), "it leads on, and no election was held");
    network.lose(None);
    let (_, now) = all[2].transfer_leadership(None, PATIENCE).await.expect("handed over");
    assert_ne!(now, one);
    stop(&all, &network).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_leader_nobody_hands_over() {
    let (network, disks) = (Network::default(), disks());
    let all = three(&network, &disks).await;
    let follower = all.iter().find(|store| Some(store.status().id) != store.status().leader).expect("a follower");
    network.cut(follower.status().id.0);
    let short = Duration::from_millis(500);
    assert_eq!(follower.transfer_leadership(None, short).await, Err(TransferError::NoLeader(short)));
    stop(&all, &network).await;
}
