//! A saved snapshot: taken from any member, whole or refused, and the beginning of a new group.

mod network;

use std::sync::Arc;

use network::{Network, PATIENCE, config, disks, enroll, has_lease, hash, open, start, three, token, until};
use tokio::sync::mpsc;
use warren_raft::disk::DiskEvent;
use warren_raft::offline::{NewProxy, RestoreError, restore};
use warren_raft::saved::{Reader, Saved};
use warren_raft::{DiskDrive, MemoryDisk, ProxyId, RoutingStore, SnapshotError, Table, Timestamp, TokenRole};

/// When everything is restored.
const AT: Timestamp = Timestamp(5_000_000);
/// The first proxy of a restored group.
const NEW: u64 = 1_001;

async fn saved_bytes(store: &RoutingStore) -> Vec<u8> {
    let (into, mut pieces) = mpsc::channel(1);
    let export = store.export();
    let (_, bytes) = tokio::join!(export.pour(into), async {
        let mut bytes = Vec::new();
        while let Some(piece) = pieces.recv().await {
            bytes.extend_from_slice(&piece);
        }
        bytes
    });
    bytes
}

/// Reads in portions that do not fit the pieces.
fn read(bytes: &[u8]) -> Result<Saved, SnapshotError> {
    let mut reader = Reader::default();
    bytes.chunks(10_007).try_for_each(|portion| reader.push(portion))?;
    reader.finish()
}

/// What a group of three with agents saves at each member, and its table.
async fn saved() -> (Vec<Vec<u8>>, Arc<Table>) {
    let (network, disks) = (Network::default(), disks());
    let all = three(&network, &disks).await;
    let machines = token(&all[0], TokenRole::Agent, 3_000).await;
    let mut enrolments = tokio::task::JoinSet::new();
    for number in 0..3_000_u64 {
        let store = all[0].clone();
        let key = u8::try_from(number % 250).expect("small");
        enrolments.spawn(async move { enroll(&store, TokenRole::Agent, machines, &format!("agent-{number}"), key).await });
    }
    enrolments.join_all().await;
    let table = all[0].confirm(PATIENCE).await.expect("confirmed");
    let mut files = Vec::new();
    for store in &all {
        store.confirm(PATIENCE).await.expect("confirmed");
        files.push(saved_bytes(store).await);
    }
    stop(all, &network).await;
    (files, table)
}

async fn stop(all: Vec<RoutingStore>, network: &Network) {
    for store in all {
        network.unplug(store.status().id.0);
        store.shutdown().await;
    }
}

fn new_proxy() -> NewProxy {
    NewProxy { name: "proxy-1".parse().expect("a name"), key: hash(77), peer_address: network::address(NEW) }
}

async fn begin(bytes: &[u8], disk: &Arc<MemoryDisk>) -> Result<ProxyId, RestoreError> {
    restore(read(bytes).expect("whole"), new_proxy(), AT, disk.clone(), DiskDrive::Task).await
}

fn keeps(after: &Table, before: &Table) {
    assert_eq!(after.cluster(), before.cluster());
    assert!(after.agents().eq(before.agents()) && after.clients().eq(before.clients()) && after.tokens().eq(before.tokens()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_begins_with_what_any_member_saved() {
    let (files, before) = saved().await;
    for bytes in files {
        let file = read(&bytes).expect("whole");
        assert!(bytes.len() > 128 * 1024, "more than a piece");
        let summary = file.summary();
        assert_eq!((summary.agents, summary.proxies, summary.cluster_name.as_str()), (3_000, 3, "warren"));
        assert_eq!(file.next_proxy(), ProxyId(NEW));
        let disk = Arc::new(MemoryDisk::default());
        assert_eq!(begin(&bytes, &disk).await, Ok(ProxyId(NEW)));
        assert!(matches!(begin(&bytes, &disk).await, Err(RestoreError::NotEmpty { .. })), "never over another store");

        let network = Network::default();
        let store = open(&network, config(NEW, &[]), disk).await;
        store.live(start(NEW));
        has_lease(&store).await;
        let table = store.confirm(PATIENCE).await.expect("it leads");
        keeps(&table, &before);
        assert_eq!(table.proxies().map(|(id, proxy)| (id.0, proxy.key)).collect::<Vec<_>>(), [(NEW, hash(77))]);
        let status = store.status();
        assert!(status.term > summary.term && status.applied_index > summary.index, "{status:?}");
        assert!((1..NEW).all(|id| table.has_removed(ProxyId(id))), "no old proxy is listened to");
        stop(vec![store], &network).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_member_joins_a_restored_group() {
    let (files, before) = saved().await;
    let network = Network::default();
    let disk = Arc::new(MemoryDisk::default());
    begin(&files[0], &disk).await.expect("restored");
    let one = open(&network, config(NEW, &[]), disk).await;
    one.live(start(NEW));
    has_lease(&one).await;
    let token = warren_raft::command::NewToken {
        id: warren_raft::TokenId([200; 8]),
        secret: hash(99),
        role: TokenRole::Proxy,
        name: "*".parse().expect("a glob"),
        allow: vec![],
        expires_at: Timestamp(u64::MAX),
        uses: 1,
    };
    let machines = token.id;
    one.propose(warren_raft::Command::CreateToken(token), PATIENCE).await.expect("a token");
    let id = enroll(&one, TokenRole::Proxy, machines, "proxy-2", 50).await.expect("an id");
    let two = open(&network, config(id.0, &[NEW]), Arc::new(MemoryDisk::default())).await;
    two.live(start(id.0));
    has_lease(&two).await;
    until(&two, |store| store.status().voters.len() == 2).await;
    let table = two.confirm(PATIENCE).await.expect("confirmed");
    assert_eq!((table.agents().count(), table.cluster()), (before.agents().count(), before.cluster()));
    stop(vec![one, two], &network).await;
}

/// A kill between any two steps leaves an empty store, in which it can be done again, or the whole new one.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_on_the_way_leaves_nothing_or_all() {
    let (files, before) = saved().await;
    let disk = Arc::new(MemoryDisk::default());
    begin(&files[1], &disk).await.expect("restored");
    let events = disk.take_events();
    let (mut nothing, mut all) = (0, 0);
    for at in 0..=events.len() {
        for flushed in [false, true] {
            let more = flushed.then_some(DiskEvent::Flush);
            let crashed = Arc::new(MemoryDisk::replayed(&events[..at].iter().cloned().chain(more).collect::<Vec<_>>()));
            match begin(&files[1], &crashed).await {
                Ok(id) => {
                    assert_eq!(id, ProxyId(NEW), "at {at}");
                    nothing += 1;
                }
                Err(error) => {
                    assert!(matches!(error, RestoreError::NotEmpty { .. }), "at {at}: {error}");
                    all += 1;
                }
            }
            let network = Network::default();
            let store = open(&network, config(NEW, &[]), crashed).await;
            store.live(start(NEW));
            has_lease(&store).await;
            keeps(&store.table(), &before);
            stop(vec![store], &network).await;
        }
    }
    assert!(nothing >= 2 && all >= 2, "{nothing} times nothing, {all} times all");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_whole_snapshot_is_refused() {
    let (files, _) = saved().await;
    let whole = &files[0];
    for length in (0..whole.len()).step_by(997).chain([whole.len() - 1]) {
        let error = read(&whole[..length]).expect_err("it is cut");
        assert!(matches!(error, SnapshotError::Incomplete { .. }), "cut to {length}: {error}");
    }
    for place in (0..whole.len()).step_by(1_009) {
        let mut damaged = whole.clone();
        damaged[place] ^= 0x10;
        assert!(read(&damaged).is_err(), "a flipped bit at {place}");
    }
    let longer: Vec<u8> = whole.iter().copied().chain([0; 40]).collect();
    assert!(read(&longer).is_err(), "it goes on after its end");
    assert_eq!(read(b"not a snapshot at all, but long enough").expect_err("foreign"), SnapshotError::Foreign);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_a_cluster_saves_nothing() {
    let network = Network::default();
    let store = open(&network, config(1, &[]), Arc::new(MemoryDisk::default())).await;
    let bytes = saved_bytes(&store).await;
    assert!(matches!(read(&bytes), Err(SnapshotError::Content(_))));
    stop(vec![store], &network).await;
}
