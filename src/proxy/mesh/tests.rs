//! Two proxies' meshes with each other, over real sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use quinn::{RecvStream, SendStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use warren_raft::command::Bootstrap;
use warren_raft::{ClusterId, Command, Incarnation, KeyHash, Proposal, ProxyId, Strategy, Table, Timestamp};

use super::leftovers::UNUSED;
use super::{Known, Lane, Links, PeerAcceptor, PeerBounds, PeerConnection, PeerPort, PeerService, serve};
use crate::identity::policy::AdmitAll;
use crate::identity::{Authority, Credentials, CredentialsHandle, Identity, MachineKey, ServerTls};
use crate::limits::{Limits, Reached};
use crate::net::quic::{Door, Endpoint, Port};
use crate::net::{Budget, Env};
use crate::proxy::gatekeeper::{Counts, Gatekeeper};
use crate::proxy::threads::Threads;
use crate::target::Target;
use crate::wire::close::Close;
use crate::wire::peer::PeerReport;
use crate::wire::{AgentProgress, DialHeader, Held, TraceId, frame};
use crate::wire::{CertificateReport, LiveCertificates, Vitals};

const CLUSTER: ClusterId = ClusterId([1; 16]);
const SECRET: [u8; 32] = [9; 32];
const DAY: Duration = Duration::from_secs(24 * 3600);
/// How long anything may take on a busy machine.
const LONG: Duration = Duration::from_secs(30);

/// Gives back what a dial sends.
struct Echo;

#[async_trait]
impl PeerService for Echo {
    async fn store(&self, _: ProxyId, request: Bytes) -> Result<Bytes, String> {
        Ok(request)
    }

    fn report(&self) -> PeerReport {
        PeerReport::default()
    }

    fn held(&self, _: &Target) -> Vec<Held> {
        Vec::new()
    }

    fn unsettled(&self) -> Vec<AgentProgress> {
        Vec::new()
    }

    fn admits(&self, _: &quinn::Connection) -> bool {
        true
    }

    fn certificates(&self) -> CertificateReport {
        panic!("nobody asks")
    }

    fn vitals(&self) -> Vitals {
        unreachable!("nobody asks for it here")
    }

    fn live_certificates(&self) -> LiveCertificates {
        LiveCertificates { proxy: ProxyId(1), machines: Vec::new() }
    }

    async fn dial(&self, _: ProxyId, _: DialHeader, (mut send, mut recv): (SendStream, RecvStream)) {
        while let Ok(Some(chunk)) = recv.read_chunk(1024, true).await {
            if send.write_chunk(chunk.bytes).await.is_err() {
                return;
            }
        }
        // The other side may have gone with the connection.
        let _ = send.finish();
    }
}

/// One of two proxies.
struct Side {
    links: Links,
    address: SocketAddr,
    tasks: TaskTracker,
    cancel: CancellationToken,
}

impl Side {
    /// A proxy with this id that keeps so many data connections.
    fn new(env: &Env, authority: &Authority, id: u64, data_connections: u8) -> Self {
        let (key, id) = (MachineKey::generate(&env.entropy), ProxyId(id));
        let issued = authority.issue(&key.csr(), &Identity::proxy(CLUSTER, id), DAY, env).expect("issued");
        let credentials = Credentials::new(issued.certificate, authority.certificate_der().clone(), key).expect("credentials");
        let credentials = CredentialsHandle::new(credentials).expect("a handle");
        let tls = ServerTls::peer_port(&credentials, Arc::new(AdmitAll), env);
        let door = Door::new(Port::Peer, tls, env, &SECRET);
        let threads = Threads::start(env.threading).expect("a thread");
        let inside = threads.control.enter();
        let endpoint = Endpoint::build(env, SocketAddr::from(([127, 0, 0, 1], 0)), &SECRET, Some(door.config())).expect("an endpoint");
        drop(inside);
        let address = endpoint.local_addr().expect("an address");
        let (made, connections) = mpsc::channel(64);
        let (tasks, cancel) = (TaskTracker::new(), CancellationToken::new());
        let port = PeerPort { endpoint: endpoint.clone(), credentials, made: made.clone(), data_connections, threads: threads.clone() };
        let links = Links::new(id, env.clone(), port);
        let (limits, reached) = (Limits::default(), Reached::default());
        let (bounds, keeper) = (PeerBounds::new(&limits, &reached), Gatekeeper::new(&limits.into(), reached, Counts::default()));
        tasks.spawn(serve(connections, Arc::new(Echo), (tasks.clone(), threads.clone()), bounds, cancel.clone()));
        tasks.spawn(
            PeerAcceptor { endpoint, door, env: env.clone(), links: links.clone(), made, threads, keeper }
                .run(tasks.clone(), cancel.clone()),
        );
        Self { links, address, tasks, cancel }
    }

    async fn stop(self) {
        self.cancel.cancel();
        self.links.shutdown().await;
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Two proxies that know each other and keep so many data connections each, once they have them.
async fn pair(wishes: [u8; 2]) -> [Side; 2] {
    let env = Env::real();
    let authority = Authority::create(CLUSTER, "lab", &env).expect("created");
    let sides = [Side::new(&env, &authority, 1, wishes[0]), Side::new(&env, &authority, 2, wishes[1])];
    sides[0].links.link(ProxyId(2), &sides[1].address.to_string());
    sides[1].links.link(ProxyId(1), &sides[0].address.to_string());
    let all = usize::from(wishes[0].max(wishes[1]));
    until("all connections", || sides.iter().all(|side| side.links.data_connections() == (all, 0) && side.links.unreachable().is_empty()))
        .await;
    sides
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LONG, "{what}: not in time");
        sleep(Duration::from_millis(10)).await;
    }
}

fn budget() -> Budget {
    Budget::new(LONG)
}

fn header() -> DialHeader {
    DialHeader {
        trace: TraceId([5; 16]),
        client: "c".parse().expect("a name"),
        client_address: "192.0.2.1:1".to_owned(),
        agent: "a".parse().expect("a name"),
        service: "s".parse().expect("a name"),
        budget_ms: 10_000,
        entered: None,
    }
}

/// Sends a dial's header on a stream.
async fn dial((mut send, recv): (SendStream, RecvStream)) -> (SendStream, RecvStream) {
    frame::write(&mut send, &header(), frame::MAX_MESSAGE).await.expect("written");
    (send, recv)
}

/// Whether a byte comes back.
async fn echoes((send, recv): &mut (SendStream, RecvStream)) -> bool {
    send.write_all(b"x").await.is_ok() && recv.read_exact(&mut [0]).await.is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_larger_of_two_wishes_counts() {
    for wishes in [[1, 1], [4, 2], [2, 4]] {
        for side in pair(wishes).await {
            side.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_breaks_takes_its_own_streams_and_nothing_else() {
    let [near, far] = pair([3, 3]).await;
    let link = near.links.link(ProxyId(2), &far.address.to_string());
    let mut streams = Vec::new();
    for lane in link.lanes().filter(|lane| *lane != Lane::Control) {
        let live = link.slot(lane).live().expect("it is there");
        streams.push(dial(live.connection.open_bi().await.expect("a stream")).await);
    }
    for stream in &mut streams {
        assert!(echoes(stream).await);
    }
    Close::DONE.close(&link.slot(Lane::Data(1)).live().expect("it is there").connection);
    // At once, and all of them.
    let mut held = Vec::new();
    for _ in 0..30 {
        let (in_use, send, recv) = near.links.open(ProxyId(2), budget()).await.expect("another connection takes it");
        let mut stream = dial((send, recv)).await;
        assert!(echoes(&mut stream).await);
        held.push((in_use, stream));
    }
    assert_eq!(near.links.unreachable(), [], "the peer is reached");
    for (number, stream) in streams.iter_mut().enumerate() {
        assert_eq!(echoes(stream).await, number != 1, "stream {number}");
    }
    until("it is made anew", || [&near, &far].iter().all(|side| side.links.data_connections() == (3, 0))).await;
    assert_eq!(near.links.streams(ProxyId(2)), 30, "each is counted once");
    drop(held);
    assert_eq!(near.links.streams(ProxyId(2)), 0);
    // The far side counts what it serves.
    drop(streams);
    until("the far side has seen their ends", || far.links.streams(ProxyId(1)) == 0).await;
    near.stop().await;
    far.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_spread_over_the_pool_and_keep_away_from_bulk() {
    let [near, far] = pair([4, 4]).await;
    let link = near.links.link(ProxyId(2), &far.address.to_string());
    let counts = || -> Vec<usize> { (0..4).map(|lane| link.slot(Lane::Data(lane)).live().map_or(0, |live| live.load.streams())).collect() };
    let mut held = Vec::new();
    for _ in 0..40 {
        held.push(near.links.open(ProxyId(2), budget()).await.expect("a stream"));
    }
    assert_eq!(counts(), [10; 4], "streams that stay are spread evenly");
    held.clear();

    // Bulk runs over one of them; what comes after it has been noticed goes elsewhere, though more streams live there.
    let live = link.slot(Lane::Data(2)).live().expect("it is there");
    let _bulk_counts = live.load.begin();
    let (mut send, mut recv) = dial(live.connection.open_bi().await.expect("a stream")).await;
    let mut work = tokio::task::JoinSet::new();
    work.spawn(async move { while send.write_all(&[0; 64 << 10]).await.is_ok() {} });
    work.spawn(async move { while let Ok(Some(_)) = recv.read_chunk(64 << 10, true).await {} });
    until("bulk is noticed", || live.load.is_heavy()).await;
    for _ in 0..12 {
        held.push(near.links.open(ProxyId(2), budget()).await.expect("a stream"));
    }
    assert_eq!(counts()[2], 1, "nothing has joined the bulk: {:?}", counts());
    work.shutdown().await;
    until("bulk is over", || !live.load.is_heavy()).await;
    near.stop().await;
    far.stop().await;
}

/// A connection for dials of which there are two for one place: the side that need not dial has dialled, too.
async fn left_over(near: &Side, far: &Side) -> PeerConnection {
    let link = near.links.link(ProxyId(2), &far.address.to_string());
    near.links.dialer().dial(&link, Lane::Data(0)).await.expect("dialled");
    link.leftovers().pop().expect("one of the two has no place")
}

/// Kept alive by its dialler, it would stay for as long as the peer does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_without_a_place_is_closed_once_nothing_runs_over_it() {
    let [near, far] = pair([1, 1]).await;
    let link = near.links.link(ProxyId(2), &far.address.to_string());
    let left = left_over(&near, &far).await;
    let in_place = link.slot(Lane::Data(0)).live().expect("it is there");
    let in_use = left.load.begin();
    let mut stream = dial(left.connection.open_bi().await.expect("a stream")).await;
    let at = |unused: u32| Instant::now() + UNUSED * unused;
    link.tidy(at(1));
    link.tidy(at(3));
    assert!(echoes(&mut stream).await, "what runs over it runs on");
    drop((in_use, stream));
    // What its end has cost is counted at the first look.
    until("it is closed", || {
        link.tidy(at(5));
        link.tidy(at(7));
        left.connection.close_reason().is_some()
    })
    .await;
    assert!(link.leftovers().is_empty() && in_place.connection.close_reason().is_none());
    let far_link = far.links.link(ProxyId(1), &near.address.to_string());
    until("the other side knows", || far_link.leftovers().is_empty()).await;
    assert_eq!((near.links.data_connections(), far.links.data_connections()), ((1, 0), (1, 0)));
    near.stop().await;
    far.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_none_lives_the_first_that_is_made_is_waited_for() {
    let [near, far] = pair([2, 2]).await;
    let link = near.links.link(ProxyId(2), &far.address.to_string());
    for lane in [0, 1] {
        Close::DONE.close(&link.slot(Lane::Data(lane)).live().expect("it is there").connection);
    }
    let begun = Instant::now();
    let mut opened = near.links.open(ProxyId(2), budget()).await;
    // The keepers may be between two tries.
    while opened.is_err() && begun.elapsed() < LONG {
        sleep(Duration::from_millis(10)).await;
        opened = near.links.open(ProxyId(2), budget()).await;
    }
    let (_in_use, send, recv) = opened.expect("it was made anew");
    assert!(echoes(&mut dial((send, recv)).await).await);
    near.stop().await;
    far.stop().await;
}

/// A table from before the peer joined, as a proxy replays it that joins itself, cuts nobody off; one that is current does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_is_cut_off_by_what_is_so_and_not_by_what_was() {
    let [near, far] = pair([1, 1]).await;
    let mut table = Table::default();
    let bootstrap = Bootstrap {
        id: CLUSTER,
        name: "lab".to_owned(),
        ca_certificate: vec![1],
        ca_key: vec![2],
        strategy: Strategy::default(),
        proxy: "proxy-1".parse().expect("a name"),
        key: KeyHash([1; 32]),
    };
    let commands = vec![Command::Bootstrap(Box::new(bootstrap))];
    let answers = table.apply(&Proposal { proposer: ProxyId(1), incarnation: Incarnation(1), number: 1, at: Timestamp(1), commands });
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let mut stream = dial(near.links.open(ProxyId(2), budget()).await.map(|(_, send, recv)| (send, recv)).expect("a stream")).await;
    let left = left_over(&near, &far).await;
    let mut beside = dial(left.connection.open_bi().await.expect("a stream")).await;
    near.links.follow(&table, Known::Replayed);
    assert!(echoes(&mut stream).await && echoes(&mut beside).await, "they run on");
    near.links.follow(&table, Known::Current);
    assert!(!echoes(&mut stream).await && !echoes(&mut beside).await, "they are cut");
    assert!(near.links.open(ProxyId(2), budget()).await.is_err(), "nothing is known of it any more");
    near.stop().await;
    far.stop().await;
}
