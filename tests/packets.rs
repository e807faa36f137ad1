//! Packets are as large as the path carries: what the interface at this end carries is known, what comes behind it is found out, and neither costs a byte.

#![expect(clippy::print_stdout, reason = "the figures are what the tests are for")]

mod support;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Connection, PathStats};
use rustls::RootCertStore;
use support::{Namespaces, Relay};
use tokio::runtime::Builder;
use warren::net::Env;
use warren::net::quic::{Door, Endpoint, Port, Profile, Settings};

/// What both sides allow.
const ALLOWED: u16 = 16 << 10;
/// What goes each way.
const BYTES: usize = 4 << 20;
/// How far from the bound the search for the largest packet may end: quinn stops where another step would gain less.
const STEP: u16 = 20;
/// The headers of IPv4 and UDP.
const HEADERS: u16 = 28;
const NAME: &str = "localhost";
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A certificate and its key.
type Identity = rcgen::CertifiedKey<rcgen::KeyPair>;

#[test]
fn each_interface_gets_the_packets_that_it_carries() {
    for mtu in [1_500, 9_000] {
        let Some(network) = Namespaces::new("each_interface_gets_the_packets_that_it_carries", 2) else { return };
        network.widen(mtu);
        let (identity, at, network) = (&identity(), network.address(0), &network);
        let (tell, told) = mpsc::channel();
        let (far, near) = thread::scope(|scope| {
            let far = scope.spawn(move || {
                network.on(0, move || {
                    run(accept(identity, (at, mtu - HEADERS - STEP), move |address| tell.send(address).expect("it is waited for")))
                })
            });
            let near =
                scope.spawn(move || network.on(1, move || run(connect(identity, told.recv().expect("it listens"), mtu - HEADERS - STEP))));
            (far.join().expect("the acceptor"), near.join().expect("the dialler"))
        });
        for (side, path) in [("acceptor", far), ("dialler", near)] {
            println!("MTU {mtu}, {side}: packets of {} bytes after {} probes", path.current_mtu, path.sent_plpmtud_probes);
            assert!((mtu - HEADERS - STEP..=mtu - HEADERS).contains(&path.current_mtu), "{side}: {path:?}");
            assert_eq!((path.lost_plpmtud_probes, path.black_holes_detected), (0, 0), "{side}: {path:?}");
        }
    }
}

#[test]
fn a_path_that_carries_less_in_the_middle_is_found_out() {
    const CARRIED: u16 = 1_400;
    const FOUND: u16 = 1_300;
    let (identity, relay) = (&identity(), &Relay::new());
    relay.narrow(CARRIED.into());
    let (tell, told) = mpsc::channel();
    let (far, near) = thread::scope(|scope| {
        let far = scope.spawn(move || {
            run(accept(identity, (Ipv4Addr::LOCALHOST, FOUND), move |address| tell.send(address).expect("it is waited for")))
        });
        let near = scope.spawn(move || {
            relay.lead_to(&[told.recv().expect("it listens")]);
            run(connect(identity, relay.address(), FOUND))
        });
        (far.join().expect("the acceptor"), near.join().expect("the dialler"))
    });
    for (side, path) in [("acceptor", far), ("dialler", near)] {
        println!("{side}: packets of {} bytes, {} of {} probes lost", path.current_mtu, path.lost_plpmtud_probes, path.sent_plpmtud_probes);
        assert!((FOUND..=CARRIED).contains(&path.current_mtu), "{side}: {path:?}");
        assert!(path.lost_plpmtud_probes > 0, "{side}: {path:?}");
    }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { tokio::time::timeout(PATIENCE, work).await.expect("in time") })
}

fn identity() -> Identity {
    rcgen::generate_simple_self_signed([NAME.to_owned()]).expect("a certificate")
}

/// Takes one connection, tells where, and moves bytes both ways.
async fn accept(identity: &Identity, (at, least): (Ipv4Addr, u16), tell: impl FnOnce(SocketAddr)) -> PathStats {
    let env = Env::real_with(Settings { max_udp_payload: ALLOWED, ..Settings::default() });
    let key = identity.signing_key.serialize_der().try_into().expect("a key");
    let mut tls =
        rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(vec![identity.cert.der().clone()], key).expect("TLS");
    // What QUIC wants of TLS.
    tls.max_early_data_size = u32::MAX;
    let tls: Arc<dyn quinn::crypto::ServerConfig> = Arc::new(QuicServerConfig::try_from(tls).expect("TLS 1.3"));
    let secret = [1; 32];
    let door = Door::new(Port::Peer, tls, &env, &secret);
    let endpoint = Endpoint::build(&env, SocketAddr::from((at, 0)), &secret, Some(door.config())).expect("a socket");
    tell(endpoint.local_addr().expect("an address"));
    let incoming = endpoint.accept().await.expect("it is open");
    let connection = door.accept(incoming, &env).expect("a beginning").await.expect("connected");
    let (send, receive) = connection.accept_bi().await.expect("a stream");
    move_bytes(send, receive).await;
    let path = settled(&connection, least).await;
    let (mut send, mut receive) = connection.accept_bi().await.expect("a stream");
    receive.read_to_end(8).await.expect("the other side has settled");
    send.finish().expect("open");
    // The other side closes when it has heard that.
    connection.closed().await;
    path
}

async fn connect(identity: &Identity, address: SocketAddr, least: u16) -> PathStats {
    let env = Env::real_with(Settings { max_udp_payload: ALLOWED, ..Settings::default() });
    let mut roots = RootCertStore::empty();
    roots.add(identity.cert.der().clone()).expect("a root");
    let mut config = quinn::ClientConfig::with_root_certificates(Arc::new(roots)).expect("a configuration");
    config.transport_config(Profile::PeerBulk.dialling(address, &env.quic_towards(address)));
    let endpoint = Endpoint::build(&env, SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)), &[2; 32], None).expect("a socket");
    let connection = endpoint.connect_with(config, address, NAME).expect("it dials").await.expect("connected");
    let (send, receive) = connection.open_bi().await.expect("a stream");
    move_bytes(send, receive).await;
    let path = settled(&connection, least).await;
    let (mut send, mut receive) = connection.open_bi().await.expect("a stream");
    send.write_all(b"settled").await.expect("sent");
    send.finish().expect("open");
    receive.read_to_end(8).await.expect("the other side has settled");
    connection.close(0_u32.into(), b"");
    endpoint.wait_idle().await;
    path
}

/// The path once its packets have at least this size: after the last byte the search goes on.
async fn settled(connection: &Connection, least: u16) -> PathStats {
    loop {
        let path = connection.stats().path;
        if path.current_mtu >= least {
            return path;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn move_bytes(mut send: quinn::SendStream, mut receive: quinn::RecvStream) {
    let sent = async {
        send.write_all(&vec![7; BYTES]).await.expect("sent");
        send.finish().expect("open");
    };
    let ((), received) = tokio::join!(sent, receive.read_to_end(BYTES));
    assert!(received.expect("received") == vec![7; BYTES], "what arrives is what was sent");
}
