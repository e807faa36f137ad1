//! A client that has enrolled and does what no client does.

use std::sync::Arc;

use quinn::{Connection, RecvStream, SendStream, TransportConfig, VarInt};
use rand::Rng;
use tokio::task::JoinSet;
use warren::failure::{Code, Failure};
use warren::identity::Alpn;
use warren::net::quic::Profile;
use warren::wire::{ClientRequest, DialReply, DialRequest, Heard, Hello, TraceId, frame};

use crate::scene::{Bound, MIB, Scene, at_once, thinned, until};
use crate::support::later::Later;
use crate::support::{LONG, Silent, Target};

/// The default of `dials_per_client`.
const DIALS: usize = 1024;

/// The default of `streams_per_client`.
const STREAMS: usize = 2048;
/// Streams that say nothing: more than one client may have, and fewer than its connections have room for.
const SILENT: usize = 2_700;

/// What comes over each connection before its streams are dropped, unread.
const UNREAD: u64 = 32 * MIB;

fn request(target: &str, budget_ms: u32) -> Vec<u8> {
    let target = Heard::Known(target.parse().expect("a target"));
    let dial = DialRequest { hello: Hello::ours(), target, budget_ms, trace: TraceId(rand::rng().random()) };
    frame::encode(&ClientRequest::Dial(dial), frame::MAX_MESSAGE).expect("short")
}

async fn connect(client: &Later, scene: &Scene) -> Option<Connection> {
    client.try_dial(Alpn::Client, Profile::Client, scene.ports()[0]).await.ok()
}

/// A stream on which this was said.
async fn say(connection: &Connection, bytes: &[u8]) -> Option<(SendStream, RecvStream)> {
    let (mut send, recv) = connection.open_bi().await.ok()?;
    send.write_all(bytes).await.ok()?;
    Some((send, recv))
}

/// The failure with which a request was answered; `None` if its stream was cut.
async fn failure(recv: &mut RecvStream) -> Option<Failure> {
    match tokio::time::timeout(LONG, frame::hear(recv, frame::MAX_MESSAGE)).await.expect("an answer in time") {
        Ok(Heard::Known(DialReply::Failed(failure))) => Some(failure),
        Ok(other) => panic!("{other:?}"),
        Err(_) => None,
    }
}

#[test]
fn streams_that_say_nothing_or_too_much() {
    let scene = Scene::new("headers");
    let client = scene.cluster.client("mute", "none/none");
    let (late, long) = (scene.reached("header_timeout"), scene.reached("message_size"));
    scene.endures(Bound { memory: 96 * MIB, descriptors: 20 }, || {
        at_once(async {
            let client = Later::of(&client);
            let connection = connect(&client, &scene).await.expect("it is let in");
            let others = [connect(&client, &scene).await.expect("it is let in"), connect(&client, &scene).await.expect("it is let in")];
            let mut silent = Vec::new();
            // One byte of a header each: without any, nobody learns of the stream.
            for (_, connection) in (0..SILENT).zip([&connection, &others[0], &others[1]].into_iter().cycle()) {
                silent.push(say(connection, &[0]).await.expect("a stream"));
            }
            let (mut cut, mut refused) = (0, 0);
            for (_, recv) in &mut silent {
                match tokio::time::timeout(LONG, frame::hear(recv, frame::MAX_MESSAGE)).await.expect("it is cut in time") {
                    Ok(Heard::Known(DialReply::Failed(failure))) if failure.code() == Code::LimitReached => refused += 1,
                    Ok(other) => panic!("{other:?}"),
                    Err(_) => cut += 1,
                }
            }
            assert!(cut >= STREAMS && refused > 0, "{cut} were cut and {refused} refused");
            drop(silent);
            // Headers as large as can be, of nothing; and larger.
            let largest = [&u32::try_from(frame::MAX_MESSAGE).expect("small").to_be_bytes()[..], &vec![0xff; frame::MAX_MESSAGE]].concat();
            for _ in 0..500 {
                let (_send, mut recv) = say(&connection, &largest).await.expect("a stream");
                assert_eq!(failure(&mut recv).await.map(|failure| failure.code()).filter(|code| *code != Code::Other), None);
            }
            let (_send, mut recv) = say(&connection, &[0xff, 0xff, 0xff, 0xff, 1]).await.expect("a stream");
            assert_eq!(failure(&mut recv).await.map(|failure| failure.code()), Some(Code::LimitReached));
            assert_eq!(connection.close_reason(), None);
        });
    });
    assert!(scene.reached("header_timeout") >= late + 2_048);
    assert!(scene.reached("message_size") > long);
}

#[test]
fn floods_of_connections_and_of_dials() {
    let scene = Scene::new("dials");
    let silent = Silent::new();
    let _agent = scene.cluster.agent("mute-target", &[1], &[("x", silent.address().to_string())]);
    let client = scene.cluster.client("flood", "mute-target/*");
    let (connections, dials) = (scene.reached("connections_per_identity"), scene.reached("dials_per_client"));
    scene.endures(Bound { memory: 128 * MIB, descriptors: 20 }, || {
        at_once(async {
            let client_program = client.clone();
            let client = Later::of(&client);
            let mut open = Vec::new();
            for _ in 0..300 {
                open.extend(connect(&client, &scene).await);
            }
            thinned(&mut open).await;
            let is_told = || client_program.connect_at("mute-target/x", scene.ports()[0], b"").stderr.contains("too many connections");
            // That a connection is closed, and why, is lost now and then (quinn#2785).
            assert!((0..5).any(|_| is_told()), "the client is not told why");
            refused_dials(&open).await;
            dials_without_an_answer(&open).await;
        });
    });
    assert!(scene.reached("connections_per_identity") > connections);
    assert!(scene.reached("dials_per_client") > dials);
}

/// Dials of what is not allowed, and of what is not there.
async fn refused_dials(open: &[Connection]) {
    let mut dials = JoinSet::new();
    for (number, connection) in (0..3_000).zip(open.iter().cycle()) {
        let (connection, target) = (connection.clone(), ["good-dials/echo", "nobody/x", "any/y"][number % 3]);
        dials.spawn(async move {
            let (_send, mut recv) = say(&connection, &request(target, 10_000)).await?;
            failure(&mut recv).await.map(|failure| failure.code())
        });
        if dials.len() >= 200 {
            let code = dials.join_next().await.expect("a dial").expect("no panic");
            assert!(code.is_some_and(|code| [Code::Denied, Code::ServiceUnknown].contains(&code)), "{code:?}");
        }
    }
}

/// More dials than one client may have, of a target that does not answer.
async fn dials_without_an_answer(open: &[Connection]) {
    let mut dials = JoinSet::new();
    for (_, connection) in (0..DIALS + 400).zip(open.iter().cycle()) {
        let connection = connection.clone();
        dials.spawn(async move {
            let (_send, mut recv) = say(&connection, &request("mute-target/x", 5_000)).await?;
            failure(&mut recv).await.map(|failure| failure.code())
        });
    }
    let codes = dials.join_all().await;
    let limited = codes.iter().filter(|code| **code == Some(Code::LimitReached)).count();
    assert!(limited >= 400, "only {limited} of {} were over the limit", codes.len());
}

/// Settings that promise to read everything.
fn greedy() -> TransportConfig {
    let mut config = TransportConfig::default();
    let gigabyte = VarInt::from_u32(1 << 30);
    config.stream_receive_window(gigabyte).receive_window(gigabyte).max_idle_timeout(None);
    config
}

/// Downloads that nobody reads, over connections that would take everything.
#[test]
fn streams_that_are_not_read() {
    let scene = Scene::apart("unread");
    let source = Target::flooding();
    let _agent = scene.cluster.agent("source", &[1], &[("x", source.address().to_string())]);
    let client = scene.cluster.client("deaf", "source/*");
    // A connection holds 64 MiB for a reader that would take all of it, a stream no more than its window, and allocation twice that.
    scene.endures(Bound { memory: 400 * MIB, descriptors: 20 }, || {
        at_once(async {
            let client = Later::of(&client);
            let (mut unread, mut connections) = (Vec::new(), Vec::new());
            for _ in 0..2 {
                let greedy = client.try_dial_with(Alpn::Client, Arc::new(greedy()), scene.ports()[0]);
                let connection = greedy.await.expect("it is let in");
                for _ in 0..32 {
                    unread.push(say(&connection, &request("source/x", 20_000)).await.expect("a stream"));
                }
                unread.push(say(&connection, &[]).await.expect("a stream"));
                connections.push(connection);
            }
            let has_come = |connection: &Connection| connection.stats().udp_rx.bytes > UNREAD;
            until("much has come that nobody reads", || connections.iter().all(has_come)).await;
            drop(unread);
        });
    });
}
