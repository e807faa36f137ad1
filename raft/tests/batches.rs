//! Many changes at once: they share entries and flushes, a flood is refused beyond a bound, and what ends or begins a life is not behind it.

mod network;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use network::{Network, PATIENCE, config, disks, hash, open, start, three_with, until};
use tokio::task::JoinSet;
use tokio::time::Instant;
use warren_raft::command::{Enrollment, NewToken};
use warren_raft::disk::DiskEvent;
use warren_raft::{
    AgentName, Command, Epoch, LeaseState, MemoryDisk, ProposeError, ProxyId, RoutingStore, Sequence, StoreConfig, Timestamp, TokenId,
    TokenRole,
};

/// Machines that one token enrols.
const PER_TOKEN: u64 = 500;
/// Long enough that a busy machine loses no lease by itself.
const LEASE: Duration = Duration::from_secs(6);
/// Changes of one member that wait at most (`QUEUE` of the proposer).
const QUEUE: usize = 8_192;

fn name(number: u64) -> AgentName {
    format!("agent-{number}").parse().expect("a name")
}

fn route(proxy: u64, epoch: Epoch, number: u64, sequence: u64) -> Command {
    Command::RegisterRoute { agent: name(number), proxy: ProxyId(proxy), epoch, sequence: Sequence(sequence) }
}

fn epoch(store: &RoutingStore, proxy: u64) -> Epoch {
    store.table().epoch(ProxyId(proxy)).expect("an epoch")
}

async fn group(network: &Network, disks: &[Arc<MemoryDisk>; 3]) -> Vec<RoutingStore> {
    let patient = |config| StoreConfig { election_timeout: Duration::from_millis(1_500), lease: LEASE, ..config };
    three_with(network, disks, patient).await
}

/// Enrols so many agents.
async fn agents(store: &RoutingStore, count: u64) {
    for first in (0..count).step_by(usize::try_from(PER_TOKEN).expect("small")) {
        let id = TokenId((first + 1_000_000).to_be_bytes());
        let token = NewToken {
            id,
            secret: hash(9),
            role: TokenRole::Agent,
            name: "*".parse().expect("a glob"),
            allow: vec![],
            expires_at: Timestamp(u64::MAX),
            uses: u32::try_from(PER_TOKEN).expect("small"),
        };
        store.propose(Command::CreateToken(token), PATIENCE).await.expect("a token");
        let enroll = |number: u64| {
            let name = name(number).to_string();
            Command::Enroll(Enrollment { token: id, secret: hash(9), role: TokenRole::Agent, name, key: hash(7) })
        };
        all(store, (first..count.min(first + PER_TOKEN)).map(enroll)).await;
    }
}

/// Proposes these at once.
async fn all(store: &RoutingStore, commands: impl Iterator<Item = Command>) {
    let mut proposals = JoinSet::new();
    for command in commands {
        let store = store.clone();
        proposals.spawn(async move { store.propose(command, PATIENCE).await });
    }
    for outcome in proposals.join_all().await {
        outcome.expect("committed");
    }
}

fn flushes(disk: &MemoryDisk) -> usize {
    disk.take_events().iter().filter(|event| **event == DiskEvent::Flush).count()
}

async fn stop(all: Vec<RoutingStore>, network: &Network) {
    for (store, id) in all.iter().zip(1..) {
        network.unplug(id);
        store.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn registrations_at_once_share_entries_and_flushes() {
    const COUNT: u64 = 1_000;
    let (network, disks) = (Network::default(), disks());
    let members = group(&network, &disks).await;
    agents(&members[0], COUNT).await;
    let at = &members[1];
    at.confirm(PATIENCE).await.expect("confirmed");
    disks.iter().for_each(|disk| _ = disk.take_events());
    let (before, epoch) = (at.status().applied_index, epoch(at, 2));
    all(at, (0..COUNT).map(|number| route(2, epoch, number, 1))).await;
    let entries = at.status().applied_index - before;
    assert!(entries <= COUNT / 25, "{entries} entries for {COUNT} registrations");
    for (disk, id) in disks.iter().zip(1..) {
        // An entry is one flush where it is appended, and another may tell that it is committed.
        let flushes = flushes(disk);
        assert!(flushes <= usize::try_from(COUNT).expect("small") / 10, "{flushes} flushes at {id} for {COUNT} registrations");
    }
    assert_eq!(at.table().routes().count(), usize::try_from(COUNT).expect("small"));
    stop(members, &network).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_proxy_is_one_entry_and_its_return_a_few() {
    const COUNT: u64 = 10_000;
    let (network, disks) = (Network::default(), disks());
    let members = group(&network, &disks).await;
    agents(&members[0], COUNT).await;
    // The one that goes is neither the leader nor the one that is asked.
    let leader = members[0].status().leader.expect("a leader").0;
    let gone = (1..=3).rev().find(|id| *id != leader).expect("another");
    let [lonely, asked] = [gone, leader].map(|id| &members[usize::try_from(id).expect("small") - 1]);
    lonely.confirm(PATIENCE).await.expect("confirmed");
    let old = epoch(lonely, gone);
    all(lonely, (0..COUNT).map(|number| route(gone, old, number, 1)).take(QUEUE)).await;
    all(lonely, (0..COUNT).map(|number| route(gone, old, number, 1)).skip(QUEUE)).await;
    until(asked, |store| store.table().routes().count() == usize::try_from(COUNT).expect("small")).await;

    let before = asked.status().applied_index;
    network.cut(gone);
    until(asked, |store| store.table().epoch(ProxyId(gone)).is_none()).await;
    assert_eq!(asked.table().routes().count(), 0, "all of them at once");
    assert_eq!(asked.status().applied_index - before, 1, "one entry");

    network.mend(gone);
    let mut lease = lonely.lease();
    let held = lease.wait_for(|state| matches!(state, LeaseState::Held(epoch) if *epoch != old));
    tokio::time::timeout(PATIENCE, held).await.expect("in time").expect("it runs");
    let (before, new) = (lonely.status().applied_index, epoch(lonely, gone));
    // As many at a time as a proxy's registrar lets through.
    for first in (0..COUNT).step_by(1_024) {
        all(lonely, (first..COUNT.min(first + 1_024)).map(|number| route(gone, new, number, 1))).await;
    }
    let entries = lonely.status().applied_index - before;
    assert!(entries <= 300, "{entries} entries for {COUNT} routes that came back");
    until(asked, |store| store.table().routes().count() == usize::try_from(COUNT).expect("small")).await;
    stop(members, &network).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_refused_beyond_a_bound_and_starves_no_life() {
    const COUNT: u64 = 30_000;
    let (network, disks) = (Network::default(), disks());
    let members = group(&network, &disks).await;
    agents(&members[0], 10).await;
    let at = &members[1];
    at.confirm(PATIENCE).await.expect("confirmed");
    let epoch = epoch(at, 2);
    all(at, [route(2, epoch, 1, 1)].into_iter()).await;
    let mut leases: Vec<_> = members.iter().map(RoutingStore::lease).collect();
    leases.iter_mut().for_each(|lease| lease.mark_unchanged());

    let (done, refused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut flood = JoinSet::new();
    for number in 0..COUNT {
        let (store, done, refused) = (at.clone(), done.clone(), refused.clone());
        flood.spawn(async move {
            let asked = Instant::now();
            // The same few agents again and again, each time with a newer tunnel: what is rejected costs its entry as well.
            match store.propose(route(2, epoch, 2 + number % 8, number + 1), PATIENCE).await {
                Ok(_) | Err(ProposeError::Rejected(_)) => _ = done.fetch_add(1, Ordering::SeqCst),
                Err(ProposeError::QueueFull(bound)) => {
                    assert_eq!(bound, QUEUE);
                    assert!(asked.elapsed() < Duration::from_secs(1), "at once");
                    refused.fetch_add(1, Ordering::SeqCst);
                }
                Err(error) => panic!("{error}"),
            }
        });
    }
    // The lane is full now; what ends something is taken, and is committed before the flood has passed.
    let filled = async {
        while refused.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, filled).await.expect("more than fits");
    let withdraw = Command::WithdrawRoute { agent: name(1), proxy: ProxyId(2), epoch, sequence: Sequence(1) };
    at.propose(withdraw, PATIENCE).await.expect("it is taken");
    let passed = done.load(Ordering::SeqCst);
    let all = flood.join_all().await.len();
    let (done, refused) = (done.load(Ordering::SeqCst), refused.load(Ordering::SeqCst));
    assert_eq!(done + refused, all, "each caller is told");
    assert!(passed < done, "{passed} of {done} went before the withdrawal");
    assert!(at.table().routes_of(&name(1)).next().is_none());
    for lease in &leases {
        assert!(!lease.has_changed().expect("it runs"), "no lease was lost");
    }
    stop(members, &network).await;
}

/// A leader that nobody follows keeps no proposal for its successor to cut off.
#[tokio::test(flavor = "multi_thread")]
async fn a_leader_without_a_quorum_appends_nothing() {
    let (network, disks) = (Network::default(), disks());
    let members = three_with(&network, &disks, |config| config).await;
    agents(&members[0], 10).await;
    let leader = members[0].status().leader.expect("a leader").0;
    let alone = &members[usize::try_from(leader).expect("small") - 1];
    let epoch = epoch(alone, leader);
    network.cut(leader);
    let short = Duration::from_secs(2);
    // The first one may still be appended.
    let first = alone.propose(route(leader, epoch, 1, 1), short).await;
    assert_eq!(first, Err(ProposeError::NoQuorum(short)));
    let length = alone.status().last_log_index;
    for number in 2..5 {
        let asked = Instant::now();
        assert_eq!(alone.propose(route(leader, epoch, number, 1), short).await, Err(ProposeError::NoQuorum(short)));
        assert!(asked.elapsed() >= short, "it is tried to its end");
    }
    assert_eq!(alone.status().last_log_index, length);
    network.mend(leader);
    stop(members, &network).await;
}

/// What a member acknowledged is read on one that has just started, and across a change of leader.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_read_on_a_member_that_has_just_started() {
    let (network, disks) = (Network::default(), disks());
    let mut members = three_with(&network, &disks, |config| config).await;
    agents(&members[0], 1).await;
    for round in 1..=3_u64 {
        let leader = members[0].status().leader.expect("a leader").0;
        let place = usize::try_from(leader).expect("small") - 1;
        network.unplug(leader);
        members[place].shutdown().await;
        let other = &members[(place + 1) % 3];
        let owner = other.status().id.0;
        other.propose(route(owner, epoch(other, owner), 0, round), PATIENCE).await.expect("committed under another leader");
        disks[place].reopen();
        let store = open(&network, config(leader, &[]), disks[place].clone()).await;
        let table = store.confirm(PATIENCE).await.expect("confirmed");
        assert!(table.routes_of(&name(0)).any(|route| route.proxy.0 == owner && route.sequence.0 == round), "round {round}");
        store.live(start(leader));
        network::has_lease(&store).await;
        members[place] = store;
    }
    stop(members, &network).await;
}
