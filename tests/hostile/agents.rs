//! An agent that has enrolled and does what no agent does.

use quinn::{Connection, RecvStream, SendStream};
use warren::failure::Code;
use warren::identity::Alpn;
use warren::net::quic::Profile;
use warren::wire::close::Close;
use warren::wire::{AgentHello, AgentMessage, Heard, Hello, Progress, ProxyMessage, frame};
use warren_raft::{Sequence, Service, ServiceKind, TokenRole};

use crate::scene::{Bound, MIB, Scene, at_once, thinned};
use crate::support::LONG;
use crate::support::later::Later;

/// What one agent may cost: its connections, and what is said on them.
const AGENT: Bound = Bound { memory: 96 * MIB, descriptors: 20 };

/// The tunnels of an agent, by its own rules.
struct Mallory {
    later: Later,
    address: std::net::SocketAddr,
}

impl Mallory {
    async fn enroll(scene: &Scene, name: &str) -> Self {
        Self { later: Later::enroll(&scene.cluster, TokenRole::Agent, name).await, address: scene.ports()[0] }
    }

    /// A connection; `None` if it is not let in, or no more.
    async fn connect(&self) -> Option<Connection> {
        self.later.try_dial(Alpn::Agent, Profile::Tunnel, self.address).await.ok()
    }

    /// A tunnel that has said these bytes, as a message or not.
    async fn say(&self, bytes: &[u8]) -> Option<(Connection, SendStream, RecvStream)> {
        let connection = self.connect().await?;
        let (mut send, recv) = connection.open_bi().await.ok()?;
        send.write_all(bytes).await.ok()?;
        Some((connection, send, recv))
    }

    /// A tunnel with these services.
    async fn hello(&self, sequence: u64, services: Vec<Service>) -> Option<(Connection, SendStream, RecvStream)> {
        let hello = AgentHello { hello: Hello::ours(), sequence: Sequence(sequence), services };
        self.say(&frame::encode(&hello, usize::MAX).expect("it encodes")).await
    }
}

fn services(count: usize) -> Vec<Service> {
    let name = |number: usize| format!("service-{number}").parse().expect("a name");
    (0..count).map(|number| Service { name: name(number), target: "127.0.0.1:1".to_owned(), kind: ServiceKind::Tcp }).collect()
}

/// Waits until the proxy has closed the connection for that reason.
async fn closed_as(connection: &Connection, why: Close) {
    let end = tokio::time::timeout(LONG, connection.closed()).await.expect("closed in time");
    // The close itself is lost while the search for the path's packet size fills the congestion window (quinn#2785).
    if end != quinn::ConnectionError::Reset {
        let quinn::ConnectionError::ApplicationClosed(closed) = end else { panic!("{end:?}") };
        assert_eq!(closed.error_code, why.code());
    }
}

/// What the agent is told first.
async fn first(recv: &mut RecvStream) -> Option<ProxyMessage> {
    match tokio::time::timeout(LONG, frame::hear(recv, frame::MAX_MESSAGE)).await.ok()?.ok()? {
        Heard::Known(message) => Some(message),
        Heard::Unknown(_) => None,
    }
}

#[test]
fn an_agent_that_says_too_much() {
    let scene = Scene::new("lists");
    let (services_before, sizes_before) = (scene.reached("services_per_agent"), scene.reached("message_size"));
    scene.endures(AGENT, || {
        at_once(async {
            let mallory = Mallory::enroll(&scene, "talker").await;
            for (sequence, count) in [(1, 257), (2, 400), (3, 20_000)] {
                let (_connection, _send, mut recv) = mallory.hello(sequence, services(count)).await.expect("a tunnel");
                let Some(ProxyMessage::Refused { failure, .. }) = first(&mut recv).await else { panic!("{count} services are taken") };
                assert_eq!(failure.code(), Code::LimitReached, "{failure}");
            }
            // Names that are none, a length without bytes, and four gigabytes.
            let wrong = postcard::to_stdvec(&(Hello::ours(), 9_u64, vec![("../../etc", "x", 0_u8)])).expect("bytes");
            let wrong = [&u32::try_from(wrong.len()).expect("short").to_be_bytes(), &wrong[..]].concat();
            for said in [wrong, vec![0, 0, 255, 255, 1, 2], vec![0, 0, 0, 3, 0xff, 0xff, 0xff]] {
                let (connection, _send, _recv) = mallory.say(&said).await.expect("a tunnel");
                closed_as(&connection, Close::PROTOCOL).await;
            }
            let (_connection, _send, mut recv) = mallory.say(&[255; 4]).await.expect("a tunnel");
            assert!(matches!(first(&mut recv).await, Some(ProxyMessage::Refused { .. })), "four gigabytes are taken");
        });
    });
    assert!(scene.reached("services_per_agent") >= services_before + 2);
    assert!(scene.reached("message_size") >= sizes_before + 2);
}

/// Connections by the thousand, some with a hello each that replaces the tunnel before.
#[test]
fn an_agent_with_tunnels_by_the_thousand() {
    let scene = Scene::new("tunnels");
    let before = scene.reached("connections_per_identity");
    scene.endures(AGENT, || {
        at_once(async {
            let mallory = Mallory::enroll(&scene, "crowd").await;
            let mut open = Vec::new();
            for sequence in 1..=1_000 {
                let tunnel = if sequence % 10 == 0 { mallory.hello(sequence, services(3)).await } else { None };
                let opened = match tunnel {
                    Some((connection, ..)) => Some(connection),
                    None => mallory.connect().await,
                };
                open.extend(opened);
            }
            thinned(&mut open).await;
        });
    });
    assert!(scene.reached("connections_per_identity") > before);
}

/// Streams that nobody asked for, messages without end, and a proxy that is not listened to.
#[test]
fn an_agent_that_does_not_stop() {
    let scene = Scene::new("chatter");
    scene.endures(AGENT, || {
        at_once(async {
            let mallory = Mallory::enroll(&scene, "chatter").await;
            let mut held = Vec::new();
            for tunnel in 0..8 {
                let Some((connection, mut send, recv)) = mallory.hello(tunnel + 1, services(3)).await else { continue };
                // One more at most is taken that would not be read.
                let _one = tokio::time::timeout(std::time::Duration::from_millis(50), connection.open_bi()).await;
                let further = tokio::time::timeout(std::time::Duration::from_millis(50), connection.open_bi()).await;
                assert!(further.is_err(), "a stream that nobody asked for is taken");
                let single = tokio::time::timeout(std::time::Duration::from_millis(50), connection.open_uni()).await;
                assert!(single.is_err(), "a stream that nobody asked for is taken");
                let _ = connection.send_datagram(bytes::Bytes::from_static(&[0; 1000]));
                let flood = frame::encode(&(250_u32, [0_u8; 32]), frame::MAX_MESSAGE).expect("short").repeat(2_000);
                // Each is answered, and the answers are not read: it is cut, or held back.
                let _ = tokio::time::timeout(std::time::Duration::from_secs(1), send.write_all(&flood)).await;
                held.push((connection, send, recv));
            }
            let Some((connection, mut send, _recv)) = mallory.hello(100, services(3)).await else { panic!("no tunnel") };
            for number in 0..5_000_u32 {
                let progress = Progress { wanted: u32::MAX, held: number, retiring: u32::MAX, obstacles: Vec::new() };
                let message = if number % 2 == 0 { AgentMessage::Progress(progress) } else { AgentMessage::Retire };
                if frame::write(&mut send, &message, frame::MAX_MESSAGE).await.is_err() {
                    break;
                }
            }
            Close::DONE.close(&connection);
        });
    });
}

/// Registers itself over and over.
#[test]
fn a_flood_of_registrations() {
    let scene = Scene::new("registrations");
    scene.endures(AGENT, || {
        at_once(async {
            let mallory = Mallory::enroll(&scene, "eager").await;
            let mut welcomed = 0;
            for sequence in 1..=200 {
                let Some((_connection, _send, mut recv)) = mallory.hello(sequence, services(200)).await else { continue };
                welcomed += usize::from(matches!(first(&mut recv).await, Some(ProxyMessage::Welcome(_))));
            }
            assert!(welcomed > 0, "none was welcomed");
        });
    });
}
