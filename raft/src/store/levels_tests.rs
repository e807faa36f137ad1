//! Members of two versions: what an older one refuses of a newer one, and when it ends.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::timeout;

use super::message::{LeaderRequest, Refusal, Request, Response};
use super::records::{LEVEL, encode, put_meta};
use super::{Garbled, OpenError, RoutingStore, StoreConfig, Tuning};
use crate::command::{Bootstrap, Command, Proposal, ProxyStart};
use crate::disk::{Disk, DiskDrive, MemoryDisk};
use crate::ids::{ClusterId, Incarnation, KeyHash, Level, ProxyId, Timestamp};
use crate::table::Strategy;
use crate::transport::{Transport, TransportError};

const PATIENCE: Duration = Duration::from_secs(30);

/// Reaches nobody.
struct Nowhere;

#[async_trait]
impl Transport for Nowhere {
    async fn call(&self, target: ProxyId, _: &str, _: Bytes, _: Duration) -> Result<Bytes, TransportError> {
        Err(TransportError::Unreachable { target, reason: "nowhere".to_owned() })
    }
}

async fn open(level: u64, disk: &Arc<MemoryDisk>) -> Result<RoutingStore, OpenError> {
    let config = StoreConfig {
        id: ProxyId(1),
        opened: Incarnation(0),
        peer_address: "host:3021".to_owned(),
        seeds: vec![],
        heartbeat: Duration::from_millis(30),
        election_timeout: Duration::from_millis(150),
        max_voters: 5,
        promote_after: Duration::from_millis(100),
        lease: Duration::from_millis(600),
        seed: 1,
        wall: Arc::new(|| Timestamp(1)),
        tuning: Tuning { drive: DiskDrive::Task, level: Level(level), ..Tuning::default() },
    };
    RoutingStore::open(config, disk.clone(), Arc::new(Nowhere)).await
}

/// A group of one at the highest level that it knows.
async fn group(level: u64, disk: &Arc<MemoryDisk>) -> RoutingStore {
    let store = open(level, disk).await.expect("a new store");
    let bootstrap = Bootstrap {
        id: ClusterId([7; 16]),
        name: "warren".to_owned(),
        ca_certificate: vec![],
        ca_key: vec![],
        strategy: Strategy::default(),
        proxy: "proxy-1".parse().expect("a name"),
        key: KeyHash([1; 32]),
    };
    store.bootstrap(bootstrap).await.expect("a group of one");
    store.live(start());
    let mut applied = store.applied();
    let reached = async {
        while store.table().level() < Level(level) {
            applied.changed().await.expect("a running store");
        }
    };
    timeout(PATIENCE, reached).await.expect("the level rises by itself");
    store
}

fn start() -> ProxyStart {
    let (peer_address, zone, version) = ("host:3021".to_owned(), String::new(), String::new());
    ProxyStart { proxy: ProxyId(1), peer_address, public_addresses: vec![], zone, version, level: Level(0) }
}

#[tokio::test]
async fn an_older_version_does_not_open_what_it_may_not_understand() {
    let disk = Arc::new(MemoryDisk::default());
    group(3, &disk).await.shutdown().await;
    let error = open(2, &disk).await.expect_err("it must not open");
    assert_eq!(error, OpenError::Outdated { location: "memory".to_owned(), found: Level(3), known: Level(2) });
    assert!(error.to_string().ends_with("update warren on this machine"), "{error}");
    open(3, &disk).await.expect("it is whole").shutdown().await;
}

/// The mark that says so in time is gone: then what is applied says it.
#[tokio::test]
async fn an_older_version_ends_before_it_shows_what_it_does_not_know() {
    let disk = Arc::new(MemoryDisk::default());
    group(3, &disk).await.shutdown().await;
    disk.reopen();
    disk.write(&[put_meta(LEVEL, &Level(1))]).expect("written");
    let outcome = open(2, &disk).await;
    let reason = match outcome {
        Ok(store) => {
            let reason = timeout(PATIENCE, store.failed()).await.expect("it ends");
            assert!(store.table().level() < Level(3), "it shows nothing of it");
            store.shutdown().await;
            reason
        }
        Err(error) => error.to_string(),
    };
    assert!(reason.contains("the cluster is at feature level 3 and this version of warren knows 2"), "{reason}");
}

#[tokio::test]
async fn requests_of_later_versions_are_refused() {
    let store = group(2, &Arc::new(MemoryDisk::default())).await;
    let ask = async |from: u64, bytes: &[u8]| {
        let answer = store.handle(ProxyId(from), Bytes::copy_from_slice(bytes)).await?;
        Ok(postcard::from_bytes::<Response>(&answer).expect("an answer"))
    };
    let unknown = Ok(Response::Refused(Refusal::Unknown));
    // A kind of request, a request to the leader, and the same relayed, each far beyond what is known.
    for bytes in [&[90, 1, 2][..], &[3, 90], &[4, 2, 90, 7]] {
        assert_eq!(ask(2, bytes).await, unknown, "{bytes:?}");
    }
    // Entries that cannot be read, from somebody who does not lead, or does not even say so, are no reason to end.
    for bytes in [&[0, 9, 1, 2, 1, 0, 1, 9][..], &[0, 9, 0, 2], &[0], &[3], &[4, 2]] {
        assert_eq!(ask(2, bytes).await, Err(Garbled), "{bytes:?}");
    }
    let level = store.propose(Command::RaiseLevel { level: Level(2) }, PATIENCE).await;
    level.expect("it goes on");
    store.shutdown().await;
}

#[tokio::test]
async fn the_leader_does_not_write_what_a_member_forwards_too_early() {
    let store = group(1, &Arc::new(MemoryDisk::default())).await;
    let proposal = |commands| Proposal { proposer: ProxyId(2), incarnation: Incarnation(1), number: 1, at: Timestamp(1), commands };
    let ask = async |commands| {
        let request = Request::Leader(LeaderRequest::Propose(proposal(commands)));
        let answer = store.handle(ProxyId(2), Bytes::from(encode(&request))).await.expect("understood");
        postcard::from_bytes::<Response>(&answer).expect("an answer")
    };
    let (newer, older) = (Command::RemoveProxy { proxy: ProxyId(9) }, Command::SetStrategy(Strategy::default()));
    let before = store.status().last_log_index;
    assert_eq!(ask(vec![older.clone(), newer]).await, Response::Refused(Refusal::AboveLevel { cluster: Level(1) }));
    assert_eq!(store.status().last_log_index, before, "nothing of it was written");
    assert!(matches!(ask(vec![older]).await, Response::Leader(_)));
    store.shutdown().await;
}
