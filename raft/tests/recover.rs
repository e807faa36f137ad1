//! A group that has lost its quorum for good: a survivor becomes a group of one, with everything it had and without the others.

mod network;

use std::sync::Arc;
use std::time::Duration;

use network::{Network, PATIENCE, config, disks, enroll, first, has_lease, hash, open, start, three, token, until};
use tokio::time::timeout;
use warren_raft::command::{Enrollment, NewToken};
use warren_raft::disk::{Change, DiskEvent, KeyRange, OpenError, Space};
use warren_raft::offline::{RecoverError, Recovery, Survivor, Vote};
use warren_raft::{
    AgentName, Command, Disk, DiskDrive, Incarnation, MemoryDisk, ProxyId, RoutingStore, Sequence, StoreConfig, Table, Timestamp, TokenId,
    TokenRole,
};

/// When everything is recovered.
const AT: Timestamp = Timestamp(5_000_000);

async fn examine(disk: &Arc<MemoryDisk>, id: u64) -> Result<Survivor, RecoverError> {
    Survivor::examine(disk.clone(), DiskDrive::Task, (ProxyId(id), Incarnation(1))).await
}

async fn outlook(disk: &Arc<MemoryDisk>, id: u64) -> Result<Recovery, RecoverError> {
    let survivor = examine(disk, id).await?;
    let outlook = survivor.outlook();
    survivor.leave().await;
    Ok(outlook)
}

async fn recover(disk: &Arc<MemoryDisk>, id: u64) -> Recovery {
    examine(disk, id).await.expect("a survivor").recover(AT).await.expect("recovered")
}

fn agent(name: &str) -> AgentName {
    name.parse().expect("a name")
}

/// A group of three with agents, all of whose members were stopped when all had applied everything. Returns the last table.
async fn lost(disks: &[Arc<MemoryDisk>; 3]) -> Arc<Table> {
    let network = Network::default();
    let all = three(&network, disks).await;
    let machines = token(&all[0], TokenRole::Agent, 100).await;
    for number in 0..20 {
        let name = format!("agent-{number}");
        enroll(&all[number % 3], TokenRole::Agent, machines, &name, u8::try_from(number).expect("small")).await;
    }
    register(&all[1], "agent-0").await;
    let last = all[0].confirm(PATIENCE).await.expect("confirmed");
    let applied = all[0].status().applied_index;
    for store in &all {
        until(store, |store| store.status().applied_index >= applied).await;
    }
    stop(all, &network).await;
    last
}

async fn register(store: &RoutingStore, name: &str) {
    let proxy = store.status().id;
    let epoch = store.table().epoch(proxy).expect("an epoch");
    let register = Command::RegisterRoute { agent: agent(name), proxy, epoch, sequence: Sequence(1) };
    store.propose(register, PATIENCE).await.expect("registered");
}

async fn stop(all: Vec<RoutingStore>, network: &Network) {
    for store in all {
        network.unplug(store.status().id.0);
        store.shutdown().await;
    }
}

/// What a recovered table must have of the one before.
fn keeps(after: &Table, before: &Table) {
    assert_eq!(after.cluster(), before.cluster());
    assert!(after.agents().eq(before.agents()));
    assert!(after.clients().eq(before.clients()));
    assert!(after.tokens().eq(before.tokens()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_survivor_goes_on_alone_and_a_new_member_joins() {
    let disks = disks();
    let before = lost(&disks).await;
    let planned = outlook(&disks[1], 2).await.expect("a survivor");
    let recovered = recover(&disks[1], 2).await;
    assert_eq!(recovered, planned);
    assert_eq!((recovered.vote, recovered.agents, recovered.routes), (Vote::Voter, 20, 1));
    assert_eq!(recovered.voters, [ProxyId(1), ProxyId(2), ProxyId(3)]);
    assert_eq!(recovered.dropped.iter().map(|dropped| dropped.id.0).collect::<Vec<_>>(), [1, 3]);
    assert!(recovered.begins.term > recovered.log_end.term && recovered.begins.index == recovered.log_end.index + 1);

    let network = Network::default();
    let two = open(&network, StoreConfig { opened: Incarnation(1), ..config(2, &[]) }, disks[1].clone()).await;
    two.live(start(2));
    has_lease(&two).await;
    let table = two.confirm(PATIENCE).await.expect("it leads");
    keeps(&table, &before);
    assert_eq!(table.proxies().map(|(id, _)| id.0).collect::<Vec<_>>(), [2]);
    assert_eq!(table.routes().count(), 0, "agents come back by themselves");
    assert!(two.status().term > recovered.log_end.term);
    register(&two, "agent-7").await;

    let machines = TokenId([200; 8]);
    let another = NewToken {
        id: machines,
        secret: hash(99),
        role: TokenRole::Proxy,
        name: "*".parse().expect("a glob"),
        allow: vec![],
        expires_at: Timestamp(u64::MAX),
        uses: 1,
    };
    two.propose(Command::CreateToken(another), PATIENCE).await.expect("a token");
    let id = enroll(&two, TokenRole::Proxy, machines, "proxy-1", 50).await.expect("an id");
    assert_eq!(id, ProxyId(1_001), "never one of the lost group's");
    let new = open(&network, config(id.0, &[2]), Arc::new(MemoryDisk::default())).await;
    new.live(start(id.0));
    has_lease(&new).await;
    until(&new, |store| store.status().voters.len() == 2).await;
    let table = new.confirm(PATIENCE).await.expect("confirmed");
    assert_eq!((table.agents().count(), table.routes().count()), (20, 1));
    stop(vec![two, new], &network).await;
}

/// The lost members come back together, have a quorum among themselves, and reach the survivor: it does not listen.
#[tokio::test(flavor = "multi_thread")]
async fn old_members_that_come_back_are_refused() {
    let disks = disks();
    lost(&disks).await;
    recover(&disks[0], 1).await;
    let network = Network::default();
    let recovered = open(&network, config(1, &[]), disks[0].clone()).await;
    recovered.live(start(1));
    has_lease(&recovered).await;
    let term = recovered.status().term;
    let mut old = Vec::new();
    for id in [2, 3] {
        let store = open(&network, config(id, &[]), disks[usize::try_from(id).expect("small") - 1].clone()).await;
        store.live(start(id));
        old.push(store);
    }
    // They go on as the old group for as long as both are there: with each other, and without the survivor.
    for store in &old {
        has_lease(store).await;
        until(store, |store| store.status().leader.is_some_and(|leader| leader != ProxyId(1))).await;
    }
    register(&old[0], "agent-1").await;
    register(&recovered, "agent-2").await;
    let status = recovered.status();
    assert_eq!((status.term, status.leader, status.voters), (term, Some(ProxyId(1)), vec![ProxyId(1)]));
    let table = recovered.confirm(PATIENCE).await.expect("it leads");
    assert_eq!(table.routes().map(|(name, _)| name.to_string()).collect::<Vec<_>>(), ["agent-2"]);
    old.push(recovered);
    stop(old, &network).await;
}

/// An entry that a majority may have acknowledged, and of which the survivor was never told that it was committed.
#[tokio::test(flavor = "multi_thread")]
async fn the_whole_log_counts() {
    let (network, disks) = (Network::default(), disks());
    let all = three(&network, &disks).await;
    let machines = token(&all[0], TokenRole::Agent, 1).await;
    let leader = all[0].status().leader.expect("a leader");
    let place = usize::try_from(leader.0).expect("small") - 1;
    for store in &all {
        let applied = all[place].status().applied_index;
        until(store, |store| store.status().applied_index >= applied).await;
    }
    // Nobody hears the leader any more, so that what it writes stays at the end of its log.
    network.cut(leader.0);
    let enrollment = Enrollment { token: machines, secret: hash(99), role: TokenRole::Agent, name: "late".to_owned(), key: hash(9) };
    let unanswered = timeout(Duration::from_millis(300), all[place].propose(Command::Enroll(enrollment), PATIENCE)).await;
    assert!(unanswered.is_err(), "{unanswered:?}");
    stop(all, &network).await;
    let recovered = recover(&disks[place], leader.0).await;
    assert_eq!(recovered.agents, 1);
}

/// A kill between any two steps leaves the old state or the new one.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_on_the_way_leaves_the_one_or_the_other() {
    let disks = disks();
    let before = lost(&disks).await;
    let mut events = disks[2].take_events();
    let beginning = events.len();
    let planned = outlook(&disks[2], 3).await.expect("a survivor");
    recover(&disks[2], 3).await;
    events.extend(disks[2].take_events());
    assert!(events.len() >= beginning + 2, "{} events", events.len() - beginning);
    let (mut old, mut new) = (0, 0);
    for at in beginning..=events.len() {
        for flushed in [false, true] {
            let more = flushed.then_some(DiskEvent::Flush);
            let disk = Arc::new(MemoryDisk::replayed(&events[..at].iter().cloned().chain(more).collect::<Vec<_>>()));
            match outlook(&disk, 3).await {
                Ok(found) => {
                    assert_eq!(found, planned, "at {at}");
                    old += 1;
                }
                Err(error) => {
                    assert_eq!(error, RecoverError::Alone(ProxyId(3)), "at {at}");
                    starts_alone(&disk, 3, &before).await;
                    new += 1;
                }
            }
        }
    }
    assert!(old >= 2 && new >= 2, "{old} times the old state, {new} times the new one");
}

async fn starts_alone(disk: &Arc<MemoryDisk>, id: u64, before: &Table) {
    let network = Network::default();
    let store = open(&network, config(id, &[]), disk.clone()).await;
    store.live(start(id));
    has_lease(&store).await;
    keeps(&store.confirm(PATIENCE).await.expect("it leads"), before);
    stop(vec![store], &network).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_recovered_is_left_alone() {
    let empty = Arc::new(MemoryDisk::default());
    let error = outlook(&empty, 1).await.expect_err("nothing is there");
    assert!(matches!(error, RecoverError::Open(OpenError::Reverted { .. })), "{error}");

    let network = Network::default();
    let disk = Arc::new(MemoryDisk::default());
    let store = open(&network, config(1, &[]), disk.clone()).await;
    stop(vec![store], &network).await;
    assert!(matches!(outlook(&disk, 1).await, Err(RecoverError::Empty { .. })), "a store without a cluster");

    let disk = Arc::new(MemoryDisk::default());
    let store = first(&network, config(1, &[]), disk.clone()).await;
    stop(vec![store], &network).await;
    assert_eq!(outlook(&disk, 1).await.expect_err("it is alone"), RecoverError::Alone(ProxyId(1)));
    let error = outlook(&disk, 2).await.expect_err("it is another's");
    assert!(matches!(error, RecoverError::Open(OpenError::OtherProxy { .. })), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_log_is_no_survivor() {
    let disks = disks();
    lost(&disks).await;
    let key = |index: u64| index.to_be_bytes().to_vec();
    for change in [Change::Put(Space::Log, key(7), vec![0xff]), Change::Remove(Space::Log, KeyRange { start: key(7), end: Some(key(8)) })] {
        let disk = Arc::new(disks[0].after_crash());
        disk.write(std::slice::from_ref(&change)).expect("written");
        let error = outlook(&disk, 1).await.expect_err("it is damaged");
        assert!(matches!(error, RecoverError::Open(OpenError::Damaged { .. })), "{change:?}: {error}");
    }
}
