//! What is wrong gets one clear error on the side that caused it; the process it was sent to lives on, and nothing is lost.

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use quinn::{ConnectionError, ReadError, ReadExactError};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use socket2::{Domain, Socket, Type};
use support::{Agent, Client, Cluster, Proxy, SharedCluster, Target, closed_port, random_bytes, wait_for, warren};
use warren::failure::Code;
use warren::identity::tls::{Expected, SERVER_NAME};
use warren::identity::{Alpn, ClientTls, CredentialStore, CredentialsHandle, Token};
use warren::net::quic::{self, Profile};
use warren::net::{Env, dialling_endpoint};
use warren::wire::close::Close;
use warren::wire::{ClientRequest, DialReply, DialRequest, Heard, Hello, TraceId, frame};
use warren_raft::ProxyId;

static CLUSTER: SharedCluster = SharedCluster::of(2);

/// What `token ls` shows of a token.
fn token(cluster: &Cluster, id: &Value) -> Value {
    let view = cluster.proxy(0).get("/v1/tokens").expect("an answer");
    view["tokens"].as_array().expect("tokens").iter().find(|row| row["id"] == *id).cloned().expect("the token")
}

/// Creates a token, and keeps it in a file.
fn create(cluster: &Cluster, role: &str, more: &[&str]) -> (Value, PathBuf) {
    let created = cluster.create_token(role, more);
    let id = created["id"].clone();
    let file = save(cluster.home(), id.as_str().expect("an id"), created["token"].as_str().expect("a token"));
    (id, file)
}

fn save(home: &Path, name: &str, token: &str) -> PathBuf {
    let file = home.join(format!("{name}.token"));
    fs::write(&file, token).expect("a file");
    file
}

/// A client `name` that tries to enrol and must not.
fn refuse(cluster: &Cluster, name: &str, token: &Path, status: i32, part: &str) {
    let client = Client::unenrolled(cluster.home(), name);
    client.enroll_at(name, &[cluster.proxy(0).public_address()], token).must_fail(status, part);
    let fresh = client.connect("x/x", cluster.proxy(0), b"");
    fresh.must_fail(2, "there is no client identity");
}

/// Whether somebody has shown a secret to the first proxy, good or bad, to become `name`.
fn has_asked(cluster: &Cluster, name: &str) -> bool {
    let log = cluster.proxy(0).log();
    let mut lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.any(|line| line["role"] == "client" && line["name"] == name)
}

/// The cluster is as well as it was.
fn still_serves(cluster: &Cluster, name: &str) {
    let echo = Target::echo();
    let _agent = cluster.agent(name, &[1], &[("x", echo.address().to_string())]);
    let client = cluster.client(name, &format!("{name}/x"));
    for proxy in cluster.proxies() {
        assert_eq!(client.connect(&format!("{name}/x"), proxy, b"hello").must_succeed(), b"hello");
    }
}

#[test]
fn a_token_that_is_not_good_admits_nobody() {
    let cluster = CLUSTER.get();
    let (id, used) = create(&cluster, "client", &[]);
    Client::enroll(cluster.home(), "first", cluster.proxy(0).public_address(), &used);
    refuse(&cluster, "second", &used, 5, "the token was not accepted");
    assert!(has_asked(&cluster, "second"));
    assert_eq!(token(&cluster, &id)["state"], "used");

    let (id, expired) = create(&cluster, "client", &["--ttl", "1ms"]);
    wait_for("the token expires", || (token(&cluster, &id)["state"] == "expired").then_some(()));
    refuse(&cluster, "late", &expired, 5, "the token was not accepted");

    let (id, revoked) = create(&cluster, "client", &[]);
    cluster.run_at(cluster.proxy(0), &["token", "revoke", id.as_str().expect("an id"), "-o", "json"]);
    refuse(&cluster, "revoked", &revoked, 5, "the token was not accepted");

    let text = fs::read_to_string(&used).expect("a token");
    let (front, secret) = text.rsplit_once('_').expect("a secret");
    let wrong = save(cluster.home(), "wrong", &format!("{front}_{}", secret.chars().rev().collect::<String>()));
    refuse(&cluster, "wrong", &wrong, 5, "the token was not accepted");
    let malformed = save(cluster.home(), "malformed", "warren1_not-a-token");
    refuse(&cluster, "malformed", &malformed, 1, "malformed.token");
    refuse(&cluster, "none", &cluster.home().join("none.token"), 1, "none.token");
}

#[test]
fn a_proxy_joins_neither_from_another_cluster_nor_by_anothers_name() {
    let cluster = CLUSTER.get();
    let (id, token_file) = create(&cluster, "proxy", &[]);
    let mut other = Cluster::start(1);
    let own = other.token("proxy", &[]);
    let member = other.proxy_mut(0);
    member.stop();
    member.join(cluster.proxy(0).public_address(), &token_file);
    let (status, log) = member.wait_ended();
    assert_eq!(status, Some(2), "{log}");
    let hint = format!("hint: to join, empty `{}`", member.data_dir().display());
    assert!(log.contains("error: this machine is proxy 1 of another cluster") && log.contains(&hint), "{log}");
    // A token of its own cluster does no harm.
    member.join(cluster.proxy(0).public_address(), &own);
    member.wait_ready();
    assert!(
        member.log().contains("this machine is a proxy of the cluster already and goes on as that: the token is not used"),
        "{}",
        member.log()
    );

    let elsewhere = tempfile::tempdir().expect("a directory");
    let mut twin = Proxy::new(elsewhere.path(), 1);
    twin.join(cluster.proxy(0).public_address(), &token_file);
    let (status, log) = twin.wait_ended();
    assert_eq!(status, Some(5), "{log}");
    for part in
        ["error: the name `proxy-1` belongs to another machine", "`warren proxies rm proxy-1 --yes`", "otherwise choose another name"]
    {
        assert!(log.contains(part), "`{part}` is not in {log}");
    }
    assert_eq!(token(&cluster, &id)["uses_left"], 1);
}

/// What cannot start is found before it enrols.
#[test]
fn a_token_is_not_spent_on_a_proxy_whose_port_is_taken() {
    let cluster = Cluster::start(1);
    let (id, token_file) = create(&cluster, "proxy", &[]);
    let (held, taken) = closed_port();
    let home = tempfile::tempdir().expect("a directory");
    let further = format!("[ingress.socks5]\nlisten = \"{taken}\"\n");
    let mut proxy = Proxy::new(home.path(), 17).configured(&further);
    proxy.join(cluster.proxy(0).public_address(), &token_file);
    let (status, log) = proxy.wait_ended();
    assert_eq!(status, Some(1), "{log}");
    assert!(log.contains(&format!("cannot listen on {taken}/tcp for ingress")), "{log}");
    assert_eq!(token(&cluster, &id)["uses_left"], 1);
    drop(held);
    proxy.join(cluster.proxy(0).public_address(), &token_file);
    proxy.wait_ready();
}

#[test]
fn a_token_for_something_else_is_not_used_up() {
    let cluster = CLUSTER.get();
    let (id, agents) = create(&cluster, "agent", &[]);
    refuse(&cluster, "no-agent", &agents, 5, "the token was not accepted");
    assert_eq!(token(&cluster, &id)["uses_left"], 1);

    let (id, guests) = create(&cluster, "client", &["--name", "guest-*"]);
    refuse(&cluster, "stranger", &guests, 5, "the token was not accepted");
    assert_eq!(token(&cluster, &id)["uses_left"], 1);
    Client::enroll(cluster.home(), "guest-1", cluster.proxy(1).public_address(), &guests);
    wait_for("it is used up now", || (token(&cluster, &id)["state"] == "used").then_some(()));

    // A name that another machine's key has cannot be taken over.
    let (id, again) = create(&cluster, "client", &[]);
    let elsewhere = tempfile::tempdir().expect("a directory");
    let thief = Client::unenrolled(elsewhere.path(), "guest-1");
    thief.enroll_at("guest-1", &[cluster.proxy(0).public_address()], &again).must_fail(5, "the name `guest-1` belongs to another machine");
    assert_eq!(token(&cluster, &id)["uses_left"], 1);
}

#[test]
fn another_clusters_token_and_identity_are_worth_nothing() {
    let cluster = CLUSTER.get();
    let other = Cluster::start(1);
    let (id, token_of_other) = create(&other, "client", &[]);
    let foreigner = Client::unenrolled(cluster.home(), "foreigner");
    let ended = foreigner.enroll_at("foreigner", &[cluster.proxy(0).public_address()], &token_of_other);
    ended.must_fail(5, "the token is of another cluster");
    // The secret was not shown to the wrong cluster, and is still good at the right one.
    assert!(!has_asked(&cluster, "foreigner"));
    assert_eq!(token(&other, &id)["uses_left"], 1);
    let citizen = Client::enroll(other.home(), "citizen", other.proxy(0).public_address(), &token_of_other);
    citizen.connect_at("x/x", cluster.proxy(0).public_address(), b"").must_fail(5, "the proxies are of another cluster");

    let mut agent_token = other.create_token("agent", &[]);
    let file = save(other.home(), "agent", agent_token["token"].take().as_str().expect("a token"));
    let entry = [cluster.proxy(0).public_address()];
    let mut agent = Agent::start(other.home(), "lost", &entry, &file, &[("x", "127.0.0.1:9".to_owned())]);
    assert_eq!(agent.process().wait().code(), Some(5), "{}", agent.process().log());
    still_serves(&cluster, "after-others");
}

#[test]
fn a_data_directory_has_one_process() {
    let cluster = CLUSTER.get();
    let config = cluster.proxy(0).config();
    warren(&["--config", config.to_str().expect("a path"), "proxy"], b"").must_fail(1, "is in use by another process");
    still_serves(&cluster, "after-second");
}

#[test]
fn a_configuration_with_mistakes_starts_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let (config, data_dir) = (dir.path().join("config.toml"), dir.path().join("data"));
    let config_text = config.to_str().expect("a path");
    for (mistake, part) in [("[raft]\nheartbeats = \"1s\"\n", "did you mean `heartbeat`?"), ("[liveness]\nlease = \"soon\"\n", "lease")] {
        fs::write(&config, format!("[proxy]\ndata_dir = {data_dir:?}\n{mistake}")).expect("a file");
        warren(&["--config", config_text, "proxy"], b"").must_fail(78, part);
        assert!(!data_dir.exists());
    }
}

#[test]
fn garbage_on_any_port_harms_nobody() {
    let cluster = CLUSTER.get();
    let mut random = StdRng::seed_from_u64(7);
    for proxy in cluster.proxies() {
        for address in [proxy.peer_address(), proxy.public_address()] {
            shower(address, &mut random);
        }
        for seed in 0..8 {
            let http = TcpStream::connect_timeout(&proxy.http_address(), Duration::from_secs(5)).expect("its port is open");
            shout(http, &random_bytes(seed, 10_000));
        }
        let socket = UnixStream::connect(proxy.data_dir().join("admin.sock")).expect("its socket is open");
        shout(socket, &random_bytes(9, 10_000));
        let endless = TcpStream::connect_timeout(&proxy.http_address(), Duration::from_secs(5)).expect("its port is open");
        shout(endless, format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(1 << 20)).as_bytes());
        assert_eq!(support::get(proxy.http_address(), "/livez").expect("an answer").0, 200);
    }
    still_serves(&cluster, "after-garbage");
}

/// A thousand datagrams of 1 to 1,500 random bytes each.
fn shower(address: SocketAddr, random: &mut StdRng) {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a socket");
    for _ in 0..1000 {
        let mut bytes = vec![0; random.random_range(1..=1500)];
        random.fill(&mut bytes[..]);
        socket.send_to(&bytes, &address.into()).expect("it is sent");
    }
}

/// Sends what is no request. The other side may end it at any moment, and with whatever answer.
fn shout(mut stream: impl Read + Write, bytes: &[u8]) {
    let _ = stream.write_all(bytes);
    let _ = stream.write_all(b"\r\n\r\n");
}

#[tokio::test]
async fn a_message_of_any_announced_length_costs_only_its_stream() {
    let cluster = CLUSTER.get();
    let echo = Target::echo();
    let _agent = cluster.agent("framed", &[1], &[("x", echo.address().to_string())]);
    let client = cluster.client("framed", "framed/x");
    let (env, address) = (Env::real(), cluster.proxy(0).public_address());
    let credentials = CredentialStore::new(&env.files, client.identity()).load().expect("an identity");
    let credentials = CredentialsHandle::new(credentials).expect("a usable one");
    let endpoint = dialling_endpoint(&env).expect("a socket");
    let tls = ClientTls::proxy(&credentials, Alpn::Client, Expected::AnyProxy, &env);
    let config = quic::client_config(tls, &env, Profile::Client.dialling(address, &env.quic));
    let connection = endpoint.connect_with(config, address, SERVER_NAME).expect("it dials").await.expect("it connects");

    let (mut send, mut recv) = connection.open_bi().await.expect("a stream");
    let target = Heard::Known("framed/x".parse().expect("a target"));
    let dial = ClientRequest::Dial(DialRequest { hello: Hello::ours(), target, budget_ms: 10_000, trace: TraceId([7; 16]) });
    frame::write(&mut send, &dial, frame::MAX_MESSAGE).await.expect("written");
    let reply: DialReply = frame::read(&mut recv, frame::MAX_MESSAGE).await.expect("a reply");
    assert!(matches!(reply, DialReply::Connected { .. }), "{reply:?}");

    // Longer than `[limits] message_size`: it is told so, before any of it is read.
    for garbage in [[0xff, 0xff, 0xff, 0xff], [0, 1, 0, 1]] {
        let (mut bad, mut answer) = connection.open_bi().await.expect("a stream");
        bad.write_all(&garbage).await.expect("written");
        let reply: DialReply = frame::read(&mut answer, frame::MAX_MESSAGE).await.expect("a reply");
        let DialReply::Failed(failure) = reply else { panic!("{garbage:?}: {reply:?}") };
        assert_eq!(failure.code(), Code::LimitReached, "{garbage:?}");
    }
    for garbage in [&[0, 0, 0, 3, 0xff, 0xff, 0xff][..], &[0, 0, 0, 0]] {
        let (mut bad, mut answer) = connection.open_bi().await.expect("a stream");
        bad.write_all(garbage).await.expect("written");
        let end = answer.read_exact(&mut [0]).await.expect_err("no answer to garbage");
        let expected = ReadExactError::ReadError(ReadError::Reset(Close::PROTOCOL.code()));
        assert_eq!(end, expected, "{garbage:?}");
    }
    // The stream beside them has not noticed.
    send.write_all(b"hello").await.expect("written");
    send.finish().expect("it is open");
    assert_eq!(recv.read_to_end(100).await.expect("a whole stream"), b"hello");
    connection.close(Close::DONE.code(), b"");
    endpoint.wait_idle().await;
}

#[tokio::test]
async fn a_first_message_that_is_none_costs_only_its_connection() {
    let cluster = CLUSTER.get();
    let _agent = cluster.agent("garbled", &[0], &[("x", "127.0.0.1:9".to_owned())]);
    let env = Env::real();
    let of =
        |dir: PathBuf| CredentialsHandle::new(CredentialStore::new(&env.files, dir).load().expect("an identity")).expect("a usable one");
    let (agent, peer) = (of(cluster.home().join("agent-garbled")), of(cluster.proxy(0).data_dir().join("identity")));
    let token: Token = cluster.create_token("client", &[])["token"].as_str().expect("a token").parse().expect("a whole one");
    let second = ProxyId(cluster.proxy(1).status().expect("it runs")["proxies"][1]["id"].as_u64().expect("a number"));
    let (public, mesh) = (cluster.proxy(1).public_address(), cluster.proxy(1).peer_address());
    let cases = [
        (ClientTls::proxy(&agent, Alpn::Agent, Expected::AnyProxy, &env), Profile::Tunnel, public),
        (ClientTls::peer(&peer, second, &env), Profile::PeerControl, mesh),
        (ClientTls::enroll(token.fingerprint(), &env).0, Profile::Enroll, public),
    ];
    for (tls, profile, address) in cases {
        for garbage in [&[0xff, 0xff, 0xff, 0xff][..], &[0, 0, 0, 3, 0xff, 0xff, 0xff]] {
            let endpoint = dialling_endpoint(&env).expect("a socket");
            let config = quic::client_config(tls.clone(), &env, profile.dialling(address, &env.quic));
            let connection = endpoint.connect_with(config, address, SERVER_NAME).expect("it dials").await.expect("it connects");
            let (mut send, _recv) = connection.open_bi().await.expect("a stream");
            send.write_all(garbage).await.expect("written");
            // An agent is told that its hello is too long, and has 5 s to read that.
            let is_told = profile == Profile::Tunnel && garbage.len() == 4;
            let (patience, expected) = if is_told { (15, Close::REFUSED) } else { (4, Close::PROTOCOL) };
            // At once, not when a deadline has passed: nobody keeps a place by saying nothing that can be understood.
            let end = tokio::time::timeout(Duration::from_secs(patience), connection.closed()).await.expect("closed at once");
            // The close itself is lost while the search for the path's packet size fills the congestion window (quinn#2785).
            if end != ConnectionError::Reset {
                let ConnectionError::ApplicationClosed(closed) = end else { panic!("{profile:?} {end:?}") };
                assert_eq!(closed.error_code, expected.code(), "{profile:?} {garbage:?}");
            }
        }
    }
    still_serves(&cluster, "after-garbled");
}
