//! What a member refuses: stores that are not its own, settings that contradict each other, peers that speak for others.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use openraft::raft::VoteRequest;

use super::message::{LeaderRequest, Refusal, Request, Response};
use super::records::{FORMAT, SNAPSHOT, VOTE, encode, put_meta};
use super::types::Vote;
use super::{Garbled, OpenError, RoutingStore, StoreConfig, Tuning};
use crate::command::Proposal;
use crate::disk::{Change, Disk, DiskDrive, DiskEvent, MemoryDisk, Space};
use crate::ids::{Epoch, Incarnation, ProxyId, Timestamp};
use crate::transport::{Transport, TransportError};

/// Reaches nobody.
struct Nowhere;

#[async_trait]
impl Transport for Nowhere {
    async fn call(&self, target: ProxyId, _: &str, _: Bytes, _: Duration) -> Result<Bytes, TransportError> {
        Err(TransportError::Unreachable { target, reason: "nowhere".to_owned() })
    }
}

pub(super) fn config(id: u64) -> StoreConfig {
    StoreConfig {
        id: ProxyId(id),
        opened: Incarnation(0),
        peer_address: "host:3021".to_owned(),
        seeds: vec![],
        heartbeat: Duration::from_millis(150),
        election_timeout: Duration::from_secs(1),
        max_voters: 5,
        promote_after: Duration::from_secs(10),
        lease: Duration::from_secs(3),
        seed: 1,
        wall: Arc::new(|| Timestamp(1)),
        tuning: Tuning { drive: DiskDrive::Task, ..Tuning::default() },
    }
}

pub(super) async fn open(config: StoreConfig, disk: &Arc<MemoryDisk>) -> Result<RoutingStore, OpenError> {
    RoutingStore::open(config, disk.clone(), Arc::new(Nowhere)).await
}

async fn refused(config: StoreConfig, disk: &Arc<MemoryDisk>) -> OpenError {
    match open(config, disk).await {
        Ok(_) => panic!("it must not open"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_store_that_has_forgotten_is_refused() {
    let disk = Arc::new(MemoryDisk::default());
    for opening in 1..=2 {
        let store = open(StoreConfig { opened: Incarnation(opening - 1), ..config(1) }, &disk).await.expect("it opens");
        assert_eq!(store.incarnation(), Incarnation(opening));
        store.shutdown().await;
    }
    let wiped = Arc::new(MemoryDisk::default());
    let error = refused(StoreConfig { opened: Incarnation(2), ..config(1) }, &wiped).await;
    assert!(matches!(error, OpenError::Reverted { found: Incarnation(0), known: Incarnation(2), .. }), "{error}");
    let kept = open(StoreConfig { opened: Incarnation(1), ..config(1) }, &disk).await.expect("a crash before it was noted is no loss");
    kept.shutdown().await;
}

#[tokio::test]
async fn a_store_belongs_to_one_proxy() {
    let disk = Arc::new(MemoryDisk::default());
    open(config(1), &disk).await.expect("a new store").shutdown().await;
    let error = refused(config(2), &disk).await;
    let (found, expected) = (ProxyId(1), ProxyId(2));
    assert_eq!(error, OpenError::OtherProxy { location: "memory".to_owned(), found, expected });
    open(config(1), &disk).await.expect("its own store").shutdown().await;
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_refused() {
    let damaged = |disk: &Arc<MemoryDisk>, change: Change| disk.write(&[change]).expect("written");
    let put = |key: &[u8]| Change::Put(Space::Meta, key.to_vec(), vec![0xff; 3]);
    for change in [put(VOTE), put(SNAPSHOT), Change::Put(Space::Log, vec![0; 8], vec![0xff])] {
        let disk = Arc::new(MemoryDisk::default());
        damaged(&disk, change.clone());
        let error = refused(config(1), &disk).await;
        assert!(matches!(error, OpenError::Damaged { .. }), "{change:?}: {error}");
    }
    let disk = Arc::new(MemoryDisk::default());
    damaged(&disk, put_meta(FORMAT, &3_u32));
    let error = refused(config(1), &disk).await;
    assert_eq!(error, OpenError::Format { location: "memory".to_owned(), found: 3, known: 2 });
}

#[tokio::test]
async fn settings_that_contradict_each_other_are_refused() {
    let config = StoreConfig { heartbeat: Duration::from_secs(2), ..config(1) };
    let error = refused(config, &Arc::new(MemoryDisk::default())).await;
    assert!(matches!(error, OpenError::Settings(_)), "{error}");
}

async fn ask(store: &RoutingStore, from: u64, request: &Request) -> Result<Response, Garbled> {
    let answer = store.handle(ProxyId(from), Bytes::from(encode(request))).await?;
    Ok(postcard::from_bytes(&answer).expect("an answer"))
}

#[tokio::test]
async fn a_peer_speaks_for_itself_only() {
    let store = open(config(1), &Arc::new(MemoryDisk::default())).await.expect("a new store");
    let vote = Vote::new(1, ProxyId(2));
    let request = || Request::Vote(VoteRequest { vote, last_log_id: None });
    assert_eq!(ask(&store, 3, &request()).await, Err(Garbled));
    assert!(matches!(ask(&store, 2, &request()).await, Ok(Response::Vote(_))));
    let proposal = Proposal { proposer: ProxyId(2), incarnation: Incarnation(1), number: 1, at: Timestamp(1), commands: vec![] };
    let propose = Request::Leader(LeaderRequest::Propose(proposal));
    assert_eq!(ask(&store, 3, &propose).await, Err(Garbled));
    assert_eq!(ask(&store, 2, &propose).await, Ok(Response::Refused(Refusal::NotLeader)));
    store.shutdown().await;
}

#[tokio::test]
async fn garbage_is_refused() {
    let store = open(config(1), &Arc::new(MemoryDisk::default())).await.expect("a new store");
    for bytes in [&b""[..], b"\xff", b"\x00\x01", &[0xff; 100]] {
        assert_eq!(store.handle(ProxyId(2), Bytes::copy_from_slice(bytes)).await, Err(Garbled), "{bytes:?}");
    }
    store.shutdown().await;
}

#[tokio::test]
async fn who_does_not_lead_renews_nothing_and_relays_nowhere() {
    let store = open(config(1), &Arc::new(MemoryDisk::default())).await.expect("a new store");
    let refused = Ok(Response::Refused(Refusal::NotLeader));
    let request = LeaderRequest::Renew(Epoch(1));
    assert_eq!(ask(&store, 2, &Request::Leader(request.clone())).await, refused);
    assert_eq!(ask(&store, 2, &Request::Relayed { origin: ProxyId(3), request }).await, refused);
    store.shutdown().await;
}

/// Cut back at each point of its history but the last, a store is behind what was noted beside it.
#[tokio::test]
async fn a_store_that_has_lost_its_end_is_refused() {
    let disk = Arc::new(MemoryDisk::default());
    let store = open(config(1), &disk).await.expect("a new store");
    let vote = Vote::new(1, ProxyId(2));
    assert!(matches!(ask(&store, 2, &Request::Vote(VoteRequest { vote, last_log_id: None })).await, Ok(Response::Vote(_))));
    store.shutdown().await;
    let events = disk.take_events();
    let last = events.iter().rposition(|event| *event == DiskEvent::Flush).expect("a flush");
    assert!(last > 3, "{events:?}");
    for kept in 0..=last {
        let error = refused(config(1), &Arc::new(disk.reverted_to(&events[..kept]))).await;
        assert!(matches!(error, OpenError::Behind { .. }), "{kept}: {error}");
    }
    open(config(1), &Arc::new(disk.reverted_to(&events))).await.expect("nothing is lost").shutdown().await;
}
