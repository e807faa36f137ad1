//! A machine with the certificate of a proxy that does what no proxy does. What such a one has written into the log is everybody's, and no test's.

use quinn::Connection;
use tokio::task::JoinSet;
use warren::identity::Alpn;
use warren::net::quic::Profile;
use warren::target::Target as Wanted;
use warren::wire::close::Close;
use warren::wire::{ControlReply, ControlRequest, DialAnswer, DialHeader, Heard, Hello, LinkKind, PeerHello, TraceId, frame};
use warren_raft::TokenRole;
use warren_raft::decoding::REQUESTS;

use crate::scene::{Bound, MIB, Scene, at_once, thinned};
use crate::support::later::Later;
use crate::support::{LONG, random_bytes};

/// The least that is sent of a message to make its reader wait for the rest.
const ALMOST: usize = frame::MAX_CONTROL - 1;

/// A connection of this kind that has passed its hello.
async fn link(mallet: &Later, scene: &Scene, kind: LinkKind) -> Option<Connection> {
    let profile = if kind == LinkKind::Control { Profile::PeerControl } else { Profile::PeerBulk };
    let connection = mallet.try_dial(Alpn::Peer, profile, scene.ports()[1]).await.ok()?;
    let (mut send, mut recv) = connection.open_bi().await.ok()?;
    frame::write(&mut send, &PeerHello { hello: Hello::ours(), kind: Heard::Known(kind), lane: 0 }, frame::MAX_MESSAGE).await.ok()?;
    let _: PeerHello = frame::read(&mut recv, frame::MAX_MESSAGE).await.ok()?;
    Some(connection)
}

/// What a question is answered; `None` where its stream is cut.
async fn ask(connection: &Connection, question: &[u8]) -> Option<Heard<ControlReply>> {
    let (mut send, mut recv) = connection.open_bi().await.ok()?;
    send.write_all(question).await.ok()?;
    tokio::time::timeout(LONG, frame::hear(&mut recv, frame::MAX_CONTROL)).await.expect("an answer in time").ok()
}

fn question(request: &ControlRequest) -> Vec<u8> {
    frame::encode(request, frame::MAX_CONTROL).expect("short")
}

#[test]
fn a_proxy_that_floods_its_peers() {
    let scene = Scene::new("peers");
    let before = scene.reached("connections_per_identity");
    let bound = Bound { memory: 160 * MIB, descriptors: 20 };
    scene.endures(bound, || {
        at_once(async {
            let mallet = Later::enroll(&scene.cluster, TokenRole::Proxy, "mallet").await;
            let control = link(&mallet, &scene, LinkKind::Control).await.expect("it is a peer");
            questions(&control).await;
            garbage(&control).await;
            crowd(&mallet, &scene).await;
        });
    });
    assert!(scene.reached("connections_per_identity") > before);
    leave(&scene);
}

/// As many questions at once as are taken, over and over.
async fn questions(control: &Connection) {
    let wanted: Wanted = "any/echo".parse().expect("a target");
    let asked =
        [ControlRequest::Ping, ControlRequest::Unsettled, ControlRequest::WhoHas(Heard::Known(wanted))].map(|asked| question(&asked));
    let mut asking = JoinSet::new();
    for (_, question) in (0..6_000).zip(asked.into_iter().cycle()) {
        let control = control.clone();
        asking.spawn(async move { ask(&control, &question).await });
        if asking.len() >= 256 {
            assert!(asking.join_next().await.expect("a question").expect("no panic").is_some(), "it is answered");
        }
    }
}

/// Requests to the store that are none, of every kind that there is.
async fn garbage(control: &Connection) {
    for kind in 0..REQUESTS + 2 {
        for length in [0, 1, 20, 3_000] {
            let mut bytes = postcard::to_stdvec(&kind).expect("short");
            bytes.extend(random_bytes(kind.into(), length));
            if let Some(Heard::Known(reply)) = ask(control, &question(&ControlRequest::Store(bytes.into()))).await {
                assert!(matches!(reply, ControlReply::Refused(_) | ControlReply::Store(_)), "{reply:?}");
            }
        }
    }
    assert_eq!(control.close_reason(), None);
}

/// A few hundred connections, of which those live that may.
async fn crowd(mallet: &Later, scene: &Scene) {
    let mut open = Vec::new();
    for _ in 0..300 {
        open.extend(mallet.try_dial(Alpn::Peer, Profile::PeerBulk, scene.ports()[1]).await);
    }
    thinned(&mut open).await;
}

/// Requests of four mebibytes each that are never whole, by the hundred.
#[test]
fn a_proxy_whose_requests_do_not_end() {
    let scene = Scene::new("endless");
    // A connection's 64 MiB on the way, 16 MiB in hand, and twice that for allocation.
    scene.endures(Bound { memory: 192 * MIB, descriptors: 20 }, || {
        at_once(async {
            let mallet = Later::enroll(&scene.cluster, TokenRole::Proxy, "mallet-2").await;
            let control = link(&mallet, &scene, LinkKind::Control).await.expect("it is a peer");
            let mut sending = JoinSet::new();
            for _ in 0..200 {
                let control = control.clone();
                sending.spawn(async move {
                    let (mut send, mut recv) = control.open_bi().await.ok()?;
                    let length = u32::try_from(frame::MAX_CONTROL).expect("small").to_be_bytes();
                    send.write_all(&length).await.ok()?;
                    let almost = vec![0; ALMOST];
                    let sending = async {
                        // That it is stopped is not told while the connection has no room (quinn-proto 0.11.19).
                        let _ = send.write_all(&almost).await;
                        std::future::pending::<()>().await;
                    };
                    let cut = async { tokio::time::timeout(LONG, recv.read(&mut [0])).await.expect("it is cut in time") };
                    tokio::select! {
                        cut = cut => assert_eq!(cut, Err(quinn::ReadError::Reset(Close::PROTOCOL.code()))),
                        () = sending => {}
                    }
                    Some(())
                });
            }
            sending.join_all().await;
            assert_eq!(control.close_reason(), None);
            assert!(ask(&control, &question(&ControlRequest::Ping)).await.is_some(), "it is served as before");
        });
    });
    leave(&scene);
}

/// Dials in the names of clients that may not, or that do not exist, and streams that never say for whom they are.
#[test]
fn a_proxy_that_dials_for_others() {
    let scene = Scene::new("forged");
    let _stranger = scene.cluster.client("narrow", "nothing/at-all");
    scene.endures(Bound { memory: 128 * MIB, descriptors: 20 }, || {
        at_once(async {
            let mallet = Later::enroll(&scene.cluster, TokenRole::Proxy, "mallet-3").await;
            let bulk = link(&mallet, &scene, LinkKind::Bulk).await.expect("it is a peer");
            for (number, client) in (0..1_000).zip(["narrow", "nobody"].into_iter().cycle()) {
                let (mut send, mut recv) = bulk.open_bi().await.expect("a stream");
                frame::write(&mut send, &header(client, u8::try_from(number % 256).expect("a byte")), frame::MAX_MESSAGE)
                    .await
                    .expect("written");
                let answer = tokio::time::timeout(LONG, frame::hear(&mut recv, frame::MAX_MESSAGE)).await.expect("an answer in time");
                assert_eq!(answer.expect("an answer"), Heard::Known(DialAnswer::Denied));
            }
            let mut silent = Vec::new();
            for _ in 0..2_000 {
                let (mut send, recv) = bulk.open_bi().await.expect("a stream");
                send.write_all(&[0]).await.expect("written");
                silent.push((send, recv));
            }
            for (_, recv) in &mut silent {
                let cut = tokio::time::timeout(LONG, recv.read(&mut [0; 8])).await.expect("it is cut in time");
                assert_eq!(cut, Err(quinn::ReadError::Reset(Close::PROTOCOL.code())));
            }
        });
    });
    leave(&scene);
}

fn header(client: &str, number: u8) -> DialHeader {
    DialHeader {
        trace: TraceId([number; 16]),
        client: client.parse().expect("a name"),
        client_address: "192.0.2.1:1".to_owned(),
        agent: "good-forged".parse().expect("a name"),
        service: "echo".parse().expect("a name"),
        budget_ms: 10_000,
        entered: None,
    }
}

/// Takes it out of the cluster, which the next test has to itself.
fn leave(scene: &Scene) {
    let rows = scene.proxy().status().expect("it answers");
    let rows = rows["proxies"].as_array().expect("proxies").clone();
    for name in rows.iter().filter_map(|row| row["name"].as_str()).filter(|name| name.starts_with("mallet")) {
        scene.cluster.run_at(scene.proxy(), &["proxies", "rm", name, "--yes", "--now", "-o", "json"]);
    }
}
