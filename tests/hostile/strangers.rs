//! Who has no identity at all.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use quinn::Connection;
use tokio::task::JoinSet;
use tokio::time::Instant;
use warren::failure::Code;
use warren::identity::MachineKey;
use warren::net::Env;
use warren::wire::{EnrollReply, EnrollRequest, Heard, Hello, frame};
use warren_raft::TokenRole;

use crate::datagrams::{FirstPackets, garbage, is_retry, socket, socket_at};
use crate::scene::{Bound, MIB, Scene, at_once, descriptors};
use crate::support::later::Later;
use crate::support::{LONG, get, get_json};

/// How many first packets were answered by a Retry.
const RETRIED: &str = "warren_handshakes_retried_total";
/// Half-open handshakes for each port beyond those that find a place.
const HALF_OPEN: u64 = 2_400;
/// The protocol of each UDP port: strangers, and proxies.
const PROTOCOLS: [&[u8]; 2] = [b"warren-enroll/1", b"warren-peer/1"];
/// What strangers may cost a proxy, as ARCHITECTURE.md reckons it, and a test's own allocations.
const STRANGERS: Bound = Bound { memory: 96 * MIB, descriptors: 140 };

#[test]
fn bytes_that_are_no_handshake() {
    let scene = Scene::new("noise");
    scene.endures(STRANGERS, || {
        for (number, (port, alpn)) in (0..).zip(scene.ports().into_iter().zip(PROTOCOLS)) {
            let first = FirstPackets::new(port, alpn, false).next();
            let sockets: Vec<_> = (0..16).map(|other| socket(number * 16 + other)).collect();
            for (datagram, socket) in garbage(&first, 12_000, number.into()).zip(sockets.iter().cycle()) {
                // The kernel may have no room for it just now.
                let _ = socket.send_to(&datagram, port);
            }
        }
    });
}

#[test]
fn handshakes_that_are_never_gone_on_with() {
    let scene = Scene::new("half-open");
    scene.endures(STRANGERS, || {
        let mut number = 0;
        for (port, alpn) in scene.ports().into_iter().zip(PROTOCOLS) {
            let retried_before = scene.metric(RETRIED);
            // Half of them ask to be handled where Raft is.
            let mut kinds = [false, true].map(|is_marked| FirstPackets::new(port, alpn, is_marked));
            // As long as it takes until so many have arrived: each comes from an address of its own, and what has no place is asked to prove it.
            while scene.metric(RETRIED) < retried_before + HALF_OPEN {
                for packets in &mut kinds {
                    for _ in 0..100 {
                        number += 1;
                        let _ = socket(number).send_to(&packets.next(), port);
                    }
                }
            }
            must_be_asked_to_prove_its_address(port, alpn);
        }
    });
    // What was begun is cut.
    scene.wait_until("half of a handshake is not waited for", |scene| scene.reached("handshake_timeout") >= 100);
}

/// While half of the places are taken, a stranger's first packet is answered by a Retry: sent often enough, one is.
fn must_be_asked_to_prove_its_address(port: SocketAddr, alpn: &[u8]) {
    let (own, mut packets) = (socket_at(Ipv4Addr::LOCALHOST), FirstPackets::new(port, alpn, false));
    own.set_read_timeout(Some(Duration::from_millis(20))).expect("a time");
    let begun = Instant::now();
    let mut answer = [0; 2048];
    while begun.elapsed() < LONG {
        own.send_to(&packets.next(), port).expect("sent");
        while let Ok(length) = own.recv(&mut answer) {
            if is_retry(&answer[..length]) {
                return;
            }
        }
    }
    panic!("nobody at {port} has to prove its address");
}

/// Connections that say nothing, what is no HTTP, or a head that never ends, and that do not read what they are told.
#[test]
fn connections_that_are_no_requests() {
    let scene = Scene::new("http");
    let (http, socket) = (scene.proxy().http_address(), scene.proxy().data_dir().join("admin.sock"));
    let before = descriptors(scene.proxy().pid().expect("it runs"));
    let sayings: [Vec<u8>; 5] = [
        Vec::new(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"GET /metrics HTTP/1.1\r\nhost: ".to_vec(),
        format!("GET /{} HTTP/1.1\r\n{}", "x".repeat(8_000), "a: b\r\n".repeat(2_000)).into_bytes(),
        b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n".repeat(200),
    ];
    scene.endures(STRANGERS, || {
        let mut open = Vec::new();
        let mut local = Vec::new();
        for said in sayings.iter().cycle().take(600) {
            let mut stream = TcpStream::connect_timeout(&http, LONG).expect("its port is open");
            stream.set_nonblocking(true).expect("it does not wait");
            // It may be cut at any moment.
            let _ = stream.write(said);
            open.push(stream);
            if let Ok(mut stream) = UnixStream::connect(&socket) {
                stream.set_nonblocking(true).expect("it does not wait");
                let _ = stream.write(said);
                local.push(stream);
            }
            // One byte more for each of those that are there: the end of a head that never comes.
            open.iter_mut().rev().take(20).for_each(|stream| drop(stream.write(b"a")));
        }
        for _ in 0..10 {
            assert_eq!(get(http, "/livez").expect("it answers").0, 200);
            assert_eq!(get(http, "/readyz").expect("it answers").0, 200);
            assert!(get_json(&socket, "/v1/status").is_some());
        }
        let now = descriptors(scene.proxy().pid().expect("it runs"));
        assert!(now <= before + 2 * 130 + 20, "{now} descriptors, and {before} before");
        let mut rest = Vec::new();
        open.iter_mut().for_each(|stream| drop(stream.read_to_end(&mut rest)));
    });
    assert!(scene.reached("http_connections") > 0);
}

/// Enrolments with secrets that are none, and some that are never asked for.
#[test]
fn guessed_tokens() {
    let scene = Scene::new("guesses");
    let token = scene.cluster.create_token("client", &["--allow", "*/*"]);
    let committed = || scene.proxy().get("/v1/raft").and_then(|raft| raft["committed_index"].as_u64()).expect("an index");
    let committed_before = committed();
    let address = scene.ports()[0];
    // Whoever guesses has an address of its own: it has its share of the places, and no more.
    let guesses = scene.endures(Bound { memory: 128 * MIB, descriptors: 20 }, || {
        at_once(async {
            let begun = Instant::now();
            let mut guessing = JoinSet::new();
            for number in 0..48_u8 {
                let token = token.clone();
                guessing.spawn(async move { guess(&token, address, number).await });
            }
            let mut silent = JoinSet::new();
            for _ in 0..48 {
                let token = token.clone();
                silent.spawn(async move { slow(&token, address).await });
            }
            silent.join_all().await;
            let guesses: usize = guessing.join_all().await.into_iter().sum();
            tracing::debug!(guesses, elapsed = ?begun.elapsed(), "guessed");
            guesses
        })
    });
    assert!(guesses > 0, "no guess was even answered");
    assert!(committed() < committed_before + 100, "guesses fill the log");
    let tokens = scene.proxy().get("/v1/tokens").expect("an answer");
    let row = tokens["tokens"].as_array().expect("tokens").iter().find(|row| row["id"] == token["id"]).expect("the token").clone();
    assert_eq!(row["uses_left"], 1);
    assert!(scene.reached("enrollments_per_source") > 0);
    // Whoever has one is let in all the same.
    let file = scene.cluster.token("client", &[]);
    drop(crate::support::Client::enroll(scene.cluster.home(), "after-guesses", address, &file));
}

/// Guesses until it is not answered any more, or for ten times; tells how many answers it had.
async fn guess(token: &serde_json::Value, address: SocketAddr, number: u8) -> usize {
    let key = MachineKey::generate(&Env::real().entropy);
    let mut answered = 0;
    for turn in 0..10_u8 {
        let Some(connection) = Later::try_stranger(token, (Ipv4Addr::new(127, 0, 9, 9), address)).await else { continue };
        let request = EnrollRequest {
            hello: Hello::ours(),
            secret: [number ^ turn.rotate_left(4); 32],
            role: Heard::Known(TokenRole::Client),
            name: format!("guess-{number}-{turn}"),
            request: key.csr(),
        };
        answered += usize::from(refused(&connection, &request).await);
    }
    answered
}

/// Whether the guess was answered: by a refusal, and never by a certificate.
async fn refused(connection: &Connection, request: &EnrollRequest) -> bool {
    let Ok((mut send, mut recv)) = connection.open_bi().await else { return false };
    if frame::write(&mut send, request, frame::MAX_MESSAGE).await.is_err() {
        return false;
    }
    match frame::hear(&mut recv, frame::MAX_MESSAGE).await {
        Ok(Heard::Known(EnrollReply::Failed(failure))) => {
            assert!([Code::Denied, Code::LimitReached].contains(&failure.code()), "{failure}");
            true
        }
        Ok(other) => panic!("{other:?}"),
        Err(_) => false,
    }
}

/// Begins a message and does not go on: it is cut before long.
async fn slow(token: &serde_json::Value, address: SocketAddr) {
    let Some(connection) = Later::try_stranger(token, (Ipv4Addr::new(127, 0, 9, 8), address)).await else { return };
    let Ok((mut send, _recv)) = connection.open_bi().await else { return };
    // The length of a message that would be taken, and some of it.
    let _ = send.write_all(&[0, 0, 16, 0, 1, 2, 3]).await;
    tokio::time::timeout(LONG, connection.closed()).await.expect("it is cut");
}
