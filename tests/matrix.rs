//! Every kind of identity at every port and protocol: accepted exactly where the interface says. `cargo test --test matrix -- --nocapture` prints it.
#![expect(clippy::wildcard_enum_match_arm, reason = "whatever else there is, is refused")]

mod support;

use std::fmt;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use quinn::ConnectionError;
use support::forge::{Forger, Presented, dial};
use support::{Agent, Client, Cluster, LONG, Proxy, wait_for, warren};
use warren::net::{Env, dialling_endpoint};
use warren::wire::{
    AgentHello, ClientRequest, DialReply, DialRequest, EnrollReply, EnrollRequest, Heard, Hello, LinkKind, PeerHello, ProxyMessage,
    TraceId, frame,
};
use warren_raft::{Sequence, TokenRole};

/// Where somebody knocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port {
    Peer,
    Public,
}

/// What is offered in the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Offer {
    Peer,
    Agent,
    Client,
    Enroll,
    Unknown,
    Several,
    Nothing,
}

impl Offer {
    const ALL: [Self; 7] = [Self::Peer, Self::Agent, Self::Client, Self::Enroll, Self::Unknown, Self::Several, Self::Nothing];

    fn names(self) -> &'static [&'static [u8]] {
        match self {
            Self::Peer => &[b"warren-peer/1"],
            Self::Agent => &[b"warren-agent/1"],
            Self::Client => &[b"warren-client/1"],
            Self::Enroll => &[b"warren-enroll/1"],
            Self::Unknown => &[b"warren-agent/99"],
            Self::Several => &[b"warren-enroll/1", b"warren-agent/1", b"warren-client/1", b"warren-peer/1"],
            Self::Nothing => &[],
        }
    }

    /// The role that it takes, where it is served.
    fn role(self, port: Port) -> Option<&'static str> {
        match (self, port) {
            (Self::Peer, Port::Peer) => Some("proxy"),
            (Self::Agent, Port::Public) => Some("agent"),
            (Self::Client, Port::Public) => Some("client"),
            _ => None,
        }
    }
}

/// Who knocks. Whoever has no role of its own here has the one that is wanted: that is the worst it can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Nobody,
    SelfSigned,
    OtherAuthority,
    OtherCluster,
    Expired,
    NotYetValid,
    TwoNames,
    NoName,
    BesideGood,
    SignedByLeaf,
    OtherKey,
    WrongName,
    Agent,
    Client,
    Proxy,
    Revoked,
    RevokedResumed,
    SerialRevoked,
}

impl Who {
    const ALL: [Self; 18] = [
        Self::Nobody,
        Self::SelfSigned,
        Self::OtherAuthority,
        Self::OtherCluster,
        Self::Expired,
        Self::NotYetValid,
        Self::TwoNames,
        Self::NoName,
        Self::BesideGood,
        Self::SignedByLeaf,
        Self::OtherKey,
        Self::WrongName,
        Self::Agent,
        Self::Client,
        Self::Proxy,
        Self::Revoked,
        Self::RevokedResumed,
        Self::SerialRevoked,
    ];

    fn role(self) -> Option<&'static str> {
        match self {
            Self::Agent => Some("agent"),
            Self::Client => Some("client"),
            Self::Proxy => Some("proxy"),
            _ => None,
        }
    }
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Served.
    In,
    /// Refused in the handshake.
    Handshake,
    /// Refused after it, before anything was served.
    Refused,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::In => "IN",
            Self::Handshake => "-",
            Self::Refused => "refused",
        })
    }
}

/// What the interface says.
fn expected(who: Who, port: Port, offer: Offer) -> Verdict {
    if (offer, port) == (Offer::Enroll, Port::Public) {
        // No certificate is asked for: the token is what counts.
        return Verdict::In;
    }
    let Some(wanted) = offer.role(port) else { return Verdict::Handshake };
    match who {
        // The authority has signed it, and nobody has ever enrolled by that name. A proxy that this one has not heard of may be the leader that it is to hear of it from, so a
        // number that was never given is let in; without the authority's key nobody has such a certificate.
        Who::WrongName if wanted == "proxy" => Verdict::In,
        Who::WrongName => Verdict::Refused,
        _ if who.role() == Some(wanted) => Verdict::In,
        _ => Verdict::Handshake,
    }
}

/// A cluster with one identity of each role that is good, and one that was removed.
struct Scene {
    cluster: Cluster,
    forger: Forger,
    endpoint: quinn::Endpoint,
}

impl Scene {
    fn start() -> Self {
        let cluster = Cluster::start(1);
        let (home, address) = (cluster.home(), cluster.proxy(0).public_address());
        for (name, number) in [("good", 2), ("gone", 3), ("refused", 4)] {
            let token = cluster.token("agent", &[]);
            let agent = Agent::start(home, name, &[address], &token, &[("x", "127.0.0.1:9".to_owned())]);
            cluster.wait_online(name);
            drop(agent);
            Client::enroll(home, name, address, &cluster.token("client", &[]));
            let token = cluster.token("proxy", &[]);
            Proxy::new(home, number).enroll_only(address, &token);
        }
        let snapshot = home.join("authority.snapshot");
        let config = cluster.proxy(0).config();
        let words = ["--config", config.to_str().expect("text"), "raft", "snapshot", "save", snapshot.to_str().expect("text")];
        warren(&words, b"").must_succeed();
        let endpoint = dialling_endpoint(&Env::real()).expect("a socket");
        Self { forger: Forger::with_snapshot(&snapshot), cluster, endpoint }
    }

    /// A real identity, as a machine keeps it.
    fn real(&self, role: &str, name: &str) -> Presented {
        let home = self.cluster.home();
        Presented::of(&match (role, name) {
            ("proxy", "good") => home.join("proxy-2/identity"),
            ("proxy", "gone") => home.join("proxy-3/identity"),
            ("proxy", _) => home.join("proxy-4/identity"),
            (role, name) => home.join(format!("{role}-{name}")),
        })
    }

    /// The name of the good one.
    fn name(&self, role: &str) -> String {
        let name = if role == "proxy" { "2" } else { "good" };
        format!("warren://{}/{role}/{name}", self.forger.cluster)
    }

    fn presented(&self, who: Who, role: &str) -> Option<Presented> {
        let (name, forger) = (self.name(role), &self.forger);
        Some(match who {
            Who::Nobody => return None,
            Who::SelfSigned => forger.sign_itself(&[name]),
            Who::OtherAuthority => forger.impostor().sign(&[name], -1),
            Who::OtherCluster => forger.sign(&[name.replace(&forger.cluster, &"0".repeat(forger.cluster.len()))], -1),
            Who::Expired => forger.sign(&[name], -25),
            Who::NotYetValid => forger.sign(&[name], 2),
            Who::TwoNames => forger.sign(&[name.clone(), name], -1),
            Who::NoName => forger.sign(&["https://warren.example".to_owned()], -1),
            Who::BesideGood => forger.sign_itself(&[name]).beside(self.real(role, "good")),
            Who::SignedByLeaf => forger.sign_by_leaf(&[name]),
            Who::OtherKey => forger.sign(&[name], -1),
            Who::WrongName => {
                let other = if role == "proxy" { "77" } else { "stranger" };
                forger.sign(&[format!("warren://{}/{role}/{other}", forger.cluster)], -1)
            }
            Who::Agent | Who::Client | Who::Proxy => self.real(who.role().unwrap_or(role), "good"),
            Who::Revoked | Who::RevokedResumed => self.real(role, "gone"),
            Who::SerialRevoked => self.real(role, "refused"),
        })
    }

    fn address(&self, port: Port) -> SocketAddr {
        match port {
            Port::Peer => self.cluster.proxy(0).peer_address(),
            Port::Public => self.cluster.proxy(0).public_address(),
        }
    }

    /// Knocks, and asks for something that only who is served is answered.
    async fn knock(&self, (port, offer): (Port, Offer), config: &Arc<rustls::ClientConfig>) -> Verdict {
        let knocking = async {
            match dial(&self.endpoint, self.address(port), config).await {
                Err(error) => closed(&error),
                Ok(connection) => match served(&connection, offer).await {
                    Some(verdict) => verdict,
                    // A client's handshake is over before the server has seen its certificate.
                    None => closed(&connection.closed().await),
                },
            }
        };
        tokio::time::timeout(LONG, knocking).await.expect("it is answered or refused")
    }
}

fn closed(error: &ConnectionError) -> Verdict {
    match error {
        ConnectionError::ConnectionClosed(_) | ConnectionError::TransportError(_) => Verdict::Handshake,
        ConnectionError::ApplicationClosed(_) => Verdict::Refused,
        other => panic!("{other}"),
    }
}

/// What is answered to a first request; nothing where the connection is closed instead.
async fn served(connection: &quinn::Connection, offer: Offer) -> Option<Verdict> {
    let (mut send, mut recv) = connection.open_bi().await.ok()?;
    match offer {
        Offer::Peer => {
            let hello = PeerHello { hello: Hello::ours(), kind: Heard::Known(LinkKind::Bulk), lane: 3 };
            frame::write(&mut send, &hello, frame::MAX_MESSAGE).await.ok()?;
            frame::read::<PeerHello>(&mut recv, frame::MAX_MESSAGE).await.ok().map(|_| Verdict::In)
        }
        Offer::Agent => {
            let hello = AgentHello { hello: Hello::ours(), sequence: Sequence(u64::MAX / 2), services: Vec::new() };
            frame::write(&mut send, &hello, frame::MAX_MESSAGE).await.ok()?;
            let answer: ProxyMessage = frame::read(&mut recv, frame::MAX_MESSAGE).await.ok()?;
            Some(if matches!(answer, ProxyMessage::Refused { .. }) { Verdict::Refused } else { Verdict::In })
        }
        Offer::Client => {
            let target = Heard::Known("a/b".parse().expect("a target"));
            let dial = DialRequest { hello: Hello::ours(), target, budget_ms: 1_000, trace: TraceId([7; 16]) };
            frame::write(&mut send, &ClientRequest::Dial(dial), frame::MAX_MESSAGE).await.ok()?;
            frame::read::<DialReply>(&mut recv, frame::MAX_MESSAGE).await.ok().map(|_| Verdict::In)
        }
        Offer::Enroll | Offer::Unknown | Offer::Several | Offer::Nothing => {
            let (role, name) = (Heard::Known(TokenRole::Client), "matrix".to_owned());
            let request = EnrollRequest { hello: Hello::ours(), secret: [7; 32], role, name, request: Vec::new() };
            frame::write(&mut send, &request, frame::MAX_MESSAGE).await.ok()?;
            frame::read::<EnrollReply>(&mut recv, frame::MAX_MESSAGE).await.ok().map(|_| Verdict::In)
        }
    }
}

/// Speaks TLS where none is spoken; whether anybody has answered in it.
fn tls_over(mut stream: impl Read + Write, presented: Option<&Presented>) -> Verdict {
    let name = "warren".try_into().expect("a name");
    let mut tls = rustls::ClientConnection::new(Presented::client(presented, &[b"http/1.1"]), name).expect("a configuration");
    match tls.complete_io(&mut stream) {
        Ok(_) if !tls.is_handshaking() => Verdict::In,
        Ok(_) | Err(_) => Verdict::Handshake,
    }
}

/// Takes one of each role out of the cluster, and waits until the proxy says so.
fn revoke(scene: &Scene) {
    let proxy = scene.cluster.proxy(0);
    for (verb, name) in [("agents", "gone"), ("clients", "gone"), ("proxies", "proxy-3")] {
        scene.cluster.run_at(proxy, &[verb, "rm", name, "--yes", "-o", "json"]);
    }
    for role in ["agent", "client", "proxy"] {
        scene.cluster.run_at(proxy, &["ca", "revoke", &scene.real(role, "refused").serial(), "-o", "json"]);
    }
    wait_for("they are gone", || {
        let status = proxy.status()?;
        (!status["proxies"].as_array()?.iter().any(|row| row["name"] == "proxy-3")).then_some(())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn each_identity_is_accepted_exactly_where_it_belongs() {
    let scene = tokio::task::spawn_blocking(Scene::start).await.expect("a cluster");
    let scene = Arc::new(scene);
    // Sessions that might be resumed, of those who are about to be revoked.
    let mut resumable = Vec::new();
    for (port, offer) in [(Port::Peer, Offer::Peer), (Port::Public, Offer::Agent), (Port::Public, Offer::Client)] {
        let role = offer.role(port).expect("it is served");
        let config = Presented::client(scene.presented(Who::RevokedResumed, role).as_ref(), offer.names());
        assert_eq!(scene.knock((port, offer), &config).await, Verdict::In, "{role} before it is revoked");
        resumable.push(((port, offer), config));
    }
    let revoking = scene.clone();
    tokio::task::spawn_blocking(move || revoke(&revoking)).await.expect("revoked");

    let columns: Vec<_> = [Port::Peer, Port::Public].into_iter().flat_map(|port| Offer::ALL.map(|offer| (port, offer))).collect();
    let (mut shown, mut wrong) = (heading(&columns), Vec::new());
    for who in Who::ALL {
        shown += &format!("{:<16}", format!("{who:?}"));
        for &(port, offer) in &columns {
            let role = offer.role(port).unwrap_or("agent");
            let resumed = resumable.iter().find(|(at, _)| who == Who::RevokedResumed && *at == (port, offer));
            let config = match resumed {
                Some((_, config)) => config.clone(),
                None => Presented::client(scene.presented(who, role).as_ref(), offer.names()),
            };
            let verdict = scene.knock((port, offer), &config).await;
            shown += &format!("{verdict:>10}");
            if verdict != expected(who, port, offer) {
                wrong.push(format!("{who:?} at {port:?} as {offer:?}: {verdict:?}, and not {:?}", expected(who, port, offer)));
            }
        }
        let presented = scene.presented(who, "agent");
        let http = TcpStream::connect_timeout(&scene.cluster.proxy(0).http_address(), LONG).expect("its port is open");
        let socket = UnixStream::connect(scene.cluster.proxy(0).data_dir().join("admin.sock")).expect("its socket");
        for verdict in [tls_over(http, presented.as_ref()), tls_over(socket, presented.as_ref())] {
            shown += &format!("{verdict:>10}");
            if verdict != Verdict::Handshake {
                wrong.push(format!("{who:?} by TLS where there is none: {verdict:?}"));
            }
        }
        shown.push('\n');
    }
    say(&shown);
    assert!(wrong.is_empty(), "{shown}\n{}", wrong.join("\n"));
}

fn heading(columns: &[(Port, Offer)]) -> String {
    let (mut ports, mut offers) = (" ".repeat(16), " ".repeat(16));
    for (port, offer) in columns {
        ports += &format!("{:>10}", if *port == Port::Peer { "3021/udp" } else { "3024/udp" });
        offers += &format!("{:>10}", format!("{offer:?}"));
    }
    format!("{ports}  3081/tcp  admin.sock\n{offers}       TLS       TLS\n")
}

#[expect(clippy::print_stdout, reason = "it is what the test shows")]
fn say(text: &str) {
    println!("{text}");
}
