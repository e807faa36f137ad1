//! Who may what: a change of it, or a removal, reaches everything that runs, on every proxy; and nobody gets in twice, or with a key that was removed.

mod support;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use quinn::{ConnectionError, ReadError, ReadToEndError};
use serde_json::Value;
use support::forge::{Forger, Presented, dial};
use support::later::{Later, ask};
use support::{
    Agent, Client, Cluster, Dialling, Ended, LONG, Open, Proxy, SharedCluster, Target, adapted, readme_commands, run, shell, took,
    wait_for, warren,
};
use tokio::time::Instant;
use warren::identity::Alpn;
use warren::identity::tls::{Refused, refused};
use warren::net::quic::Profile;
use warren::net::{Env, dialling_endpoint};
use warren::wire::close::Close;
use warren::wire::{DialAnswer, DialHeader, Entered, Heard, Hello, LinkKind, PeerHello, TraceId, frame};
use warren_raft::TokenRole;

static CLUSTER: SharedCluster = SharedCluster::of(3);

/// Runs a verb of an operator on the machine of `proxy`.
fn operator(proxy: &Proxy, words: &[&str]) -> Ended {
    let config = proxy.config();
    warren(&[&["--config", config.to_str().expect("text")], words].concat(), b"")
}

/// A `connect` through each of the proxies, over which a byte has gone there and back.
fn through_each(cluster: &Cluster, client: &Client, target: &str) -> Vec<Open> {
    let open = |proxy| {
        let mut open = client.open(target, proxy);
        echo(&mut open);
        open
    };
    cluster.proxies().iter().map(open).collect()
}

fn echo(open: &mut Open) {
    open.input.as_mut().expect("a pipe").write_all(b"!").expect("it reads");
    assert_eq!(open.read_byte(), b'!');
}

/// All of them end, with the code `denied`.
fn are_denied(opens: Vec<Open>, since: Instant) {
    for mut open in opens {
        assert_eq!(open.wait(), Some(5), "{}", open.errors());
        let errors = open.errors();
        assert!(errors.contains("any more") || errors.contains("was removed from the cluster"), "{errors}");
    }
    took("every stream was cut", since);
}

fn metric(proxy: &Proxy, name: &str) -> u64 {
    let (_, text) = support::get(proxy.http_address(), "/metrics").expect("metrics");
    let value = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name}"));
    value.trim().parse().expect("a number")
}

fn agent_row(proxy: &Proxy, name: &str) -> Option<Value> {
    let agents = proxy.get("/v1/agents")?;
    agents["agents"].as_array()?.iter().find(|row| row["name"] == name).cloned()
}

#[test]
fn what_a_client_may_reach_changes_under_its_streams_on_every_proxy() {
    let cluster = CLUSTER.get();
    let echoing = Target::echo();
    let services = [("ssh", echoing.address().to_string()), ("web", echoing.address().to_string())];
    let _agent = cluster.agent("one", &[1], &services);
    let client = cluster.client("changing", "one/*");
    let ssh = through_each(&cluster, &client, "one/ssh");
    let mut web = through_each(&cluster, &client, "one/web");
    let cut = || cluster.proxies().iter().map(|proxy| metric(proxy, "warren_streams_cut_total{reason=\"denied\"} ")).sum::<u64>();
    let before = cut();
    let begun = Instant::now();
    let shown = operator(cluster.proxy(2), &["clients", "allow", "changing", "*/web", "-o", "json"]).json();
    assert_eq!(shown["client"]["allow"], serde_json::json!(["*/web"]));
    are_denied(ssh, begun);
    // Three streams, each cut where it enters, at the owner, or at both; others may be cut meanwhile.
    assert!(cut() >= before + 3, "{before} {}", cut());
    web.iter_mut().for_each(echo);
    for proxy in cluster.proxies() {
        client.connect("one/ssh", proxy, b"x").must_fail(5, "is not allowed");
        assert_eq!(client.connect("one/web", proxy, b"x").must_succeed(), b"x");
    }
    let begun = Instant::now();
    operator(cluster.proxy(0), &["clients", "allow", "changing", "--none"]).must_succeed();
    are_denied(web, begun);
    operator(cluster.proxy(1), &["clients", "allow", "changing", "one/ssh", "x/*"]).must_succeed();
    for proxy in cluster.proxies() {
        // One that lags behind asks the leader before it says no.
        assert_eq!(client.connect("one/ssh", proxy, b"x").must_succeed(), b"x");
        let shown = operator(proxy, &["clients", "show", "changing"]).must_succeed();
        assert!(String::from_utf8_lossy(&shown).contains("one/ssh,x/*"), "{}", String::from_utf8_lossy(&shown));
    }
    operator(cluster.proxy(0), &["clients", "allow", "nobody", "*/*"]).must_fail(4, "there is no client `nobody`");
    operator(cluster.proxy(0), &["clients", "show", "nobody"]).must_fail(4, "there is no client `nobody`");
}

/// What a client may not reach looks the same to it whether it is there or not, by every form of target.
#[test]
fn what_may_not_be_reached_cannot_be_told_from_what_is_not_there() {
    let cluster = CLUSTER.get();
    let echoing = Target::echo();
    let port = echoing.address().port();
    let _agent = cluster.agent("hidden", &[0], &[("secret", echoing.address().to_string())]);
    let client = cluster.client("curious", "other/*");
    let said = |target: &str, proxy| {
        let ended = client.connect(target, proxy, b"");
        ended.must_fail(5, "is not allowed");
        let trace = ended.stderr.find("trace `").map_or(ended.stderr.len(), |at| at);
        ended.stderr[..trace].replace(target, "TARGET")
    };
    for proxy in cluster.proxies() {
        let pairs = [
            ("hidden/secret".to_owned(), "hidden/nothing".to_owned()),
            ("hidden/secret".to_owned(), "nobody/secret".to_owned()),
            (format!("hidden:{port}"), "hidden:1".to_owned()),
            (format!("hidden:{port}"), format!("nobody:{port}")),
            ("any/secret".to_owned(), "any/nothing".to_owned()),
        ];
        for (there, not_there) in pairs {
            assert_eq!(said(&there, proxy), said(&not_there, proxy), "{there} {not_there}");
        }
    }
    assert_eq!(echoing.accepted(), 0, "nothing has reached it");
}

/// A directory with nothing but the key of another one: what is left to a thief, or to a machine that wants to come back.
fn with_the_key_of(identity: &Path, home: &Path, name: &str) -> PathBuf {
    let dir = home.join(name);
    fs::create_dir(&dir).expect("a directory");
    fs::copy(identity.join("key.pem"), dir.join("key.pem")).expect("its key");
    dir
}

#[test]
fn a_client_that_is_removed_is_out_on_every_proxy_and_its_key_with_it() {
    let cluster = CLUSTER.get();
    let echoing = Target::echo();
    let _agent = cluster.agent("two", &[2], &[("x", echoing.address().to_string())]);
    let token = cluster.create_token("client", &["--allow", "two/*", "--uses", "2"]);
    let file = cluster.home().join("leaver.token");
    fs::write(&file, token["token"].as_str().expect("a token")).expect("a file");
    let client = Client::enroll(cluster.home(), "leaver", cluster.proxy(0).public_address(), &file);
    let opens = through_each(&cluster, &client, "two/x");
    operator(cluster.proxy(0), &["clients", "rm", "leaver"]).must_fail(2, "nothing was changed: this would remove client `leaver`");
    let begun = Instant::now();
    let removed = operator(cluster.proxy(0), &["clients", "rm", "leaver", "--yes", "-o", "json"]).json();
    assert_eq!(removed, serde_json::json!({"schema": 1, "name": "leaver", "removed": true, "tokens_left": [token["id"]]}));
    are_denied(opens, begun);
    for proxy in cluster.proxies() {
        client.connect("two/x", proxy, b"x").must_fail(5, "the identity is revoked");
        for asked in [&[][..], &["two/x", "--count", "1"], &["proxy-1", "--count", "1"]] {
            let (identity, address) = (client.identity().to_str().expect("text"), proxy.public_address().to_string());
            let ended = warren(&[&["ping"], asked, &["--identity", identity, "--proxy", &address]].concat(), b"");
            ended.must_fail(5, "the identity is revoked");
        }
    }
    operator(cluster.proxy(1), &["clients", "rm", "leaver", "--yes"]).must_fail(4, "there is no client `leaver`");
    // Whoever stays is told at once, before anybody dials, and not with each try.
    let mut staying = client.forward("leaver-stays", "two/x", &[cluster.proxy(1).public_address()]);
    let told = wait_for("it says so", || {
        let log = staying.process().log();
        log.lines().find(|line| line.contains("not connected: tried again")).map(str::to_owned)
    });
    assert!(told.contains("denied") && told.contains("the identity is revoked"), "{told}");
    let tries = || cluster.proxy(1).log().matches("client/leaver").count();
    let before = tries();
    wait_for("it has tried again", || (tries() > before).then_some(()));
    assert_eq!(staying.process().log().matches("not connected: tried again").count(), 1);
    // Its key, with a token that admits the name, and under another name.
    for (number, name) in ["leaver", "other-leaver"].into_iter().enumerate() {
        let token = cluster.token("client", &["--allow", "*/*"]);
        let dir = with_the_key_of(client.identity(), cluster.home(), &format!("thief-{number}"));
        let address = cluster.proxy(number).public_address().to_string();
        let words = ["enroll", &address, "--token-file", token.to_str().expect("text"), "--name", name];
        let ended = warren(&[&words[..], &["--identity", dir.to_str().expect("text")]].concat(), b"");
        ended.must_fail(5, "a machine with this key was removed from the cluster");
    }
    // Another machine may have the name.
    let home = cluster.home().join("again");
    fs::create_dir(&home).expect("a directory");
    let again = Client::unenrolled(&home, "leaver");
    let token = cluster.token("client", &["--allow", "two/*"]);
    again.enroll_at("leaver", &[cluster.proxy(2).public_address()], &token).must_succeed();
    for proxy in cluster.proxies() {
        assert_eq!(again.connect("two/x", proxy, b"x").must_succeed(), b"x");
        client.connect("two/x", proxy, b"x").must_fail(5, "the proxy refused this machine");
    }
}

#[test]
fn an_agent_that_is_removed_is_out_on_every_proxy_and_its_key_with_it() {
    let cluster = CLUSTER.get();
    let echoing = Target::echo();
    let services = [("x", echoing.address().to_string())];
    let mut agent = cluster.agent("stolen", &[1], &services);
    let client = cluster.client("user-of-stolen", "stolen/*");
    let opens = through_each(&cluster, &client, "stolen/x");
    operator(cluster.proxy(0), &["agents", "rm", "stolen"]).must_fail(2, "nothing was changed: this would remove agent `stolen`");
    let begun = Instant::now();
    operator(cluster.proxy(0), &["agents", "rm", "stolen", "--yes"]).must_succeed();
    are_denied(opens, begun);
    for proxy in cluster.proxies() {
        wait_for("the agent is gone", || agent_row(proxy, "stolen").is_none().then_some(()));
        client.connect("stolen/x", proxy, b"x").must_fail(4, "no agent `stolen` has enrolled");
    }
    wait_for("the agent says why", || agent.log().contains("the identity is revoked").then_some(()));
    agent.process().must_run();
    agent.process().kill();
    // Its key, with a token that admits the name.
    let dir = with_the_key_of(&cluster.home().join("agent-stolen"), cluster.home(), "agent-stolen-key");
    let token = cluster.token("agent", &[]);
    let address = cluster.proxy(2).public_address().to_string();
    let words = ["agent", "--name", "stolen", "--token-file", token.to_str().expect("text"), "--proxy", &address, "--publish"];
    let ended = warren(&[&words[..], &["x=127.0.0.1:1", "--data-dir", dir.to_str().expect("text")]].concat(), b"");
    ended.must_fail(5, "a machine with this key was removed from the cluster");
    // Another machine may have the name.
    let home = cluster.home().join("another");
    fs::create_dir(&home).expect("a directory");
    let entry = cluster.proxy(0).public_address();
    let _another = Agent::start(&home, "stolen", &[entry], &token, &services);
    cluster.wait_online("stolen");
    for proxy in cluster.proxies() {
        assert_eq!(client.connect("stolen/x", proxy, b"x").must_succeed(), b"x");
        let routes = operator(proxy, &["routes", "show", "stolen", "-o", "json"]).json();
        assert_eq!(routes["routes"].as_array().map(Vec::len), Some(1), "{routes}");
    }
    operator(cluster.proxy(0), &["routes", "show", "nobody"]).must_fail(4, "there is no agent `nobody`");
}

#[test]
fn an_agent_publishes_no_more_than_its_token_says() {
    let cluster = CLUSTER.get();
    let echoing = Target::echo();
    let (web, ssh) = (("web", echoing.address().to_string()), ("ssh", echoing.address().to_string()));
    let token = cluster.token("agent", &["--allow", "*/web"]);
    let entry = cluster.proxy(0).public_address();
    let mut agent = Agent::start(cluster.home(), "modest", &[entry], &token, &[web.clone(), ssh]);
    wait_for("the agent says why it is refused", || {
        let log = agent.log();
        (log.contains("agent `modest` may not publish the service `ssh`") && log.contains("publish less, or enrol it again")).then_some(())
    });
    for proxy in cluster.proxies() {
        let row = wait_for("the agent is known", || agent_row(proxy, "modest"));
        assert_eq!(
            (&row["services"], &row["online"], &row["allow"]),
            (&Value::Array(vec![]), &Value::Bool(false), &serde_json::json!(["*/web"]))
        );
    }
    agent.process().kill();
    let _agent = Agent::start(cluster.home(), "modest", &[entry], &token, &[web]);
    cluster.wait_online("modest");
    let client = cluster.client("user-of-modest", "modest/*");
    assert_eq!(client.connect("modest/web", cluster.proxy(2), b"x").must_succeed(), b"x");
    client.connect("modest/ssh", cluster.proxy(2), b"x").must_fail(4, "does not publish `ssh`");
    let shown = operator(cluster.proxy(1), &["agents", "show", "modest"]).must_succeed();
    assert!(String::from_utf8_lossy(&shown).contains("*/web"), "{}", String::from_utf8_lossy(&shown));
    // For proxies there is nothing to allow.
    operator(cluster.proxy(0), &["token", "create", "--role", "proxy", "--allow", "*/*"]).must_fail(2, "not one of the role `proxy`");
}

/// Two machines, two proxies, one use.
#[test]
fn of_two_machines_with_one_token_exactly_one_gets_in() {
    let cluster = CLUSTER.get();
    for round in 0..5 {
        let token = cluster.token("client", &["--allow", "*/*"]);
        let enroll = |number: usize| {
            let name = format!("racer-{round}-{number}");
            let client = Client::unenrolled(cluster.home(), &name);
            client.enroll_at(&name, &[cluster.proxy(number).public_address()], &token)
        };
        let ended: Vec<_> = thread::scope(|scope| {
            let racers: Vec<_> = (0..3).map(|number| scope.spawn(move || enroll(number))).collect();
            racers.into_iter().map(|racer| racer.join().expect("it ran")).collect()
        });
        let (won, lost): (Vec<_>, Vec<_>) = ended.iter().partition(|ended| ended.status == Some(0));
        assert_eq!(won.len(), 1, "{ended:?}");
        lost.iter().for_each(|ended| ended.must_fail(5, "the token was used already"));
        let clients = operator(cluster.proxy(0), &["clients", "ls", "-o", "json"]).json();
        let in_table = clients["clients"].as_array().expect("clients").iter();
        let racers = in_table.filter(|row| row["name"].as_str().is_some_and(|name| name.starts_with(&format!("racer-{round}-"))));
        assert_eq!(racers.count(), 1, "{clients}");
    }
}

fn header(client: &str, service: &str) -> DialHeader {
    DialHeader {
        trace: TraceId([5; 16]),
        client: client.parse().expect("a name"),
        client_address: "192.0.2.1:1".to_owned(),
        agent: "coveted".parse().expect("a name"),
        service: service.parse().expect("a name"),
        budget_ms: 10_000,
        entered: None,
    }
}

/// A proxy of the cluster that vouches for anybody gets no further than the allowances, and once it is removed nowhere at all.
#[tokio::test(flavor = "multi_thread")]
async fn the_owner_does_not_take_the_ingress_proxys_word() {
    let cluster = CLUSTER.get();
    let echoing = Target::echo();
    let services = [("x", echoing.address().to_string()), ("y", echoing.address().to_string())];
    let _agent = cluster.agent("coveted", &[0], &services);
    let _client = cluster.client("vouched-for", "coveted/x");
    let bad = Later::enroll(&cluster, TokenRole::Proxy, "bad").await;
    let owner = cluster.proxy(0).peer_address();
    let bulk = bad.dial(Alpn::Peer, Profile::PeerBulk, owner).await;
    let hello = PeerHello { hello: Hello::ours(), kind: Heard::Known(LinkKind::Bulk), lane: 1 };
    let _: (PeerHello, _, _) = ask(&bulk, &hello).await;
    for (client, service) in [("vouched-for", "y"), ("nobody", "x"), ("coveted", "x")] {
        let (answer, ..) = ask::<DialAnswer>(&bulk, &header(client, service)).await;
        assert_eq!(answer, DialAnswer::Denied, "{client} {service}");
    }
    // Somebody who has shown nothing, by a door that this proxy has not published.
    let entered = DialHeader { entered: Some(Entered { rule: 0 }), ..header("vouched-for", "x") };
    let (answer, ..) = ask::<DialAnswer>(&bulk, &entered).await;
    assert_eq!(answer, DialAnswer::Denied);
    let (answer, mut send, mut recv) = ask::<DialAnswer>(&bulk, &header("vouched-for", "x")).await;
    assert_eq!(answer, DialAnswer::Connected);
    send.write_all(b"!").await.expect("it runs");
    recv.read_exact(&mut [0]).await.expect("an echo");
    operator(cluster.proxy(1), &["clients", "rm", "vouched-for", "--yes"]).must_succeed();
    let cut = tokio::time::timeout(LONG, recv.read_to_end(10)).await.expect("it ends").expect_err("no end of a whole stream");
    assert!(matches!(&cut, ReadToEndError::Read(ReadError::Reset(code)) if *code == Close::DENIED.code()), "{cut:?}");
    let (answer, ..) = ask::<DialAnswer>(&bulk, &header("vouched-for", "x")).await;
    assert_eq!(answer, DialAnswer::Denied);
    // The proxy itself.
    operator(cluster.proxy(1), &["proxies", "rm", "bad", "--yes", "--now"]).must_succeed();
    let closed = tokio::time::timeout(LONG, bulk.closed()).await.expect("it is closed");
    assert!(matches!(&closed, ConnectionError::ApplicationClosed(close) if close.error_code == Close::REFUSED.code()), "{closed:?}");
    for proxy in cluster.proxies() {
        wait_for("it has left", || proxy.status()?["proxies"].as_array()?.iter().all(|row| row["name"] != "bad").then_some(()));
        // As a client's handshake it is complete before the other side has seen the certificate.
        if let Ok(connection) = bad.try_dial(Alpn::Peer, Profile::PeerBulk, proxy.peer_address()).await {
            let end = tokio::time::timeout(LONG, connection.closed()).await.expect("it ends");
            assert_eq!(refused(&end), Some(Refused::Revoked), "{end:?}");
        }
    }
}

/// Greets as a peer, and dials.
async fn through(bulk: &quinn::Connection, header: &DialHeader) -> Result<DialAnswer, Box<dyn std::error::Error>> {
    let hello = PeerHello { hello: Hello::ours(), kind: Heard::Known(LinkKind::Bulk), lane: 1 };
    let (mut send, mut recv) = bulk.open_bi().await?;
    frame::write(&mut send, &hello, frame::MAX_MESSAGE).await?;
    let _: PeerHello = frame::read(&mut recv, frame::MAX_MESSAGE).await?;
    let (mut send, mut recv) = bulk.open_bi().await?;
    frame::write(&mut send, header, frame::MAX_MESSAGE).await?;
    Ok(frame::read(&mut recv, frame::MAX_MESSAGE).await?)
}

/// The authority's key alone makes certificates of proxies that nobody has enrolled.
#[tokio::test(flavor = "multi_thread")]
async fn the_owner_carries_nothing_for_a_proxy_that_is_none_of_the_cluster() {
    let cluster = CLUSTER.get();
    let echoing = Target::echo();
    let _agent = cluster.agent("coveted-too", &[0], &[("x", echoing.address().to_string())]);
    let _client = cluster.client("spoken-for", "coveted-too/x");
    let snapshot = cluster.home().join("forger.snapshot");
    operator(cluster.proxy(0), &["raft", "snapshot", "save", snapshot.to_str().expect("text")]).must_succeed();
    let forger = Forger::with_snapshot(&snapshot);
    let nobody = forger.sign(&[format!("warren://{}/proxy/999", forger.cluster)], -1);
    let endpoint = dialling_endpoint(&Env::real()).expect("a socket");
    let config = Presented::client(Some(&nobody), &[b"warren-peer/1"]);
    let header = DialHeader { agent: "coveted-too".parse().expect("a name"), ..header("spoken-for", "x") };
    let answer = loop {
        let bulk = dial(&endpoint, cluster.proxy(0).peer_address(), &config).await.expect("it may have joined a moment ago");
        // It is cut off as soon as the table changes, by whatever another test does.
        if let Ok(answer) = through(&bulk, &header).await {
            break answer;
        }
    };
    assert!(matches!(&answer, DialAnswer::Unconfirmed { reason } if reason.contains("none of the cluster")), "{answer:?}");
}

/// While clients and agents come and go, and are allowed this and that, nobody else's dial fails.
#[test]
fn what_happens_to_others_is_no_matter_to_a_dial() {
    let cluster = CLUSTER.get();
    let echoing = Target::echo();
    let _agent = cluster.agent("steady", &[1], &[("x", echoing.address().to_string())]);
    let client = cluster.client("steady", "steady/*");
    let forward = |proxy: &Proxy| client.forward(&format!("steady-{}", proxy.name()), "steady/x", &[proxy.public_address()]);
    let dialling = Dialling::rotating(cluster.proxies().iter().map(forward).collect());
    for round in 0..3 {
        let (leaver, stolen) = (format!("leaving-{round}"), format!("going-{round}"));
        let _agent = cluster.agent(&stolen, &[2], &[("x", echoing.address().to_string())]);
        let other = cluster.client(&leaver, &format!("{stolen}/*"));
        assert_eq!(other.connect(&format!("{stolen}/x"), cluster.proxy(0), b"x").must_succeed(), b"x");
        operator(cluster.proxy(round), &["clients", "allow", "steady", "steady/x", &format!("x-{round}/*")]).must_succeed();
        operator(cluster.proxy(round), &["clients", "allow", &leaver, "*/*"]).must_succeed();
        operator(cluster.proxy(round), &["agents", "rm", &stolen, "--yes"]).must_succeed();
        operator(cluster.proxy(round), &["clients", "rm", &leaver, "--yes"]).must_succeed();
        dialling.wait_for_more(6);
    }
    assert_eq!(dialling.failures(), Vec::<String>::new());
}

/// What is left of a proxy that was removed is its key, and that opens no door either.
#[test]
fn a_proxy_that_is_removed_does_not_come_back_with_its_key() {
    let mut cluster = Cluster::start(2);
    let key = files_below(&cluster.proxy(1).data_dir()).into_iter().find(|path| path.ends_with("key.pem")).expect("its key");
    let within = key.strip_prefix(cluster.proxy(1).data_dir()).expect("it is below").to_owned();
    let stolen = fs::read(&key).expect("a key");
    operator(cluster.proxy(0), &["proxies", "rm", "proxy-2", "--yes", "--now"]).must_succeed();
    let (status, log) = cluster.proxy_mut(1).wait_ended();
    assert_eq!(status, Some(5), "{log}");
    // Below another name, with a token for proxies.
    let mut thief = Proxy::new(cluster.home(), 7);
    let path = thief.data_dir().join(within);
    fs::create_dir_all(path.parent().expect("a directory")).expect("made");
    fs::write(&path, stolen).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
    thief.join(cluster.proxy(0).public_address(), &cluster.token("proxy", &[]));
    let (status, log) = thief.wait_ended();
    assert_eq!(status, Some(5), "{log}");
    assert!(log.contains("a machine with this key was removed from the cluster"), "{log}");
}

/// Whatever the machine's habits, nobody else reads a key.
#[test]
fn keys_are_their_owners_alone() {
    let cluster = CLUSTER.get();
    let token = cluster.token("client", &["--allow", "*/*"]);
    let dir = cluster.home().join("open-minded");
    let mut command = Command::new("sh");
    let line = "umask 0; exec \"$0\" enroll \"$1\" --token-file \"$2\" --name open-minded --identity \"$3\"";
    command
        .args(["-c", line, env!("CARGO_BIN_EXE_warren"), &cluster.proxy(0).public_address().to_string()])
        .args([&token, &dir])
        .env_clear();
    run(command, b"").must_succeed();
    let mode = |path: PathBuf| fs::metadata(&path).unwrap_or_else(|error| panic!("{path:?}: {error}")).permissions().mode() & 0o777;
    assert_eq!((mode(dir.join("key.pem")), mode(dir)), (0o600, 0o700));
    for proxy in cluster.proxies() {
        let keys = files_below(&proxy.data_dir());
        let keys: Vec<_> = keys.into_iter().filter(|path| path.ends_with("key.pem")).collect();
        assert!(!keys.is_empty() && keys.into_iter().all(|key| mode(key) == 0o600), "the keys of {}", proxy.name());
    }
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("listed").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// Nobody can try tokens without end, nor unseen; and who has a good one gets in after a while.
#[test]
fn tokens_cannot_be_tried_without_end() {
    let cluster = Cluster::start_with(1, |proxy| proxy.configured("[limits]\nfailed_enrollments_per_source = 20\n"));
    let proxy = cluster.proxy(0);
    let good = cluster.token("client", &["--allow", "*/*"]);
    let text = fs::read_to_string(&good).expect("a token");
    let (known, secret) = text.rsplit_once('_').expect("a fingerprint and a secret");
    let bad = cluster.home().join("guess.token");
    fs::write(&bad, format!("{known}_{}", "5".repeat(secret.len()))).expect("a file");
    let client = Client::unenrolled(cluster.home(), "guesser");
    let tried = |token: &Path| client.enroll_at("guesser", &[proxy.public_address()], token);
    let limited = wait_for("guessing has an end", || {
        let ended = tried(&bad);
        if ended.status == Some(5) {
            ended.must_fail(5, "the token is not known to the cluster");
        }
        (ended.status != Some(5)).then_some(ended)
    });
    limited.must_fail(1, "too many tries to enrol from this address have failed");
    let count = |outcome: &str| metric(proxy, &format!("warren_enrollments_total{{outcome=\"{outcome}\"}} "));
    assert!(count("refused") >= 20 && count("limited") >= 1, "{} {}", count("refused"), count("limited"));
    assert!(metric(proxy, "warren_limit_reached_total{limit=\"failed_enrollments_per_source\"} ") >= 1);
    // A good token is looked at when its turn comes.
    wait_for("the good token gets in", || (tried(&good).status == Some(0)).then_some(()));
    assert_eq!(count("enrolled"), 1);
    let said = proxy.log().lines().filter(|line| line.contains("\"WARN\"") && line.contains("enrolment refused")).count();
    assert!(said < count("refused") as usize, "{said} lines");
    assert!(!proxy.log().contains(secret) && !proxy.log().contains(&"5".repeat(secret.len())), "no secret in the log");
}

/// The README's own commands, on the machine of one of the proxies.
#[test]
fn what_the_readme_tells_to_type_does_what_it_says() {
    let cluster = CLUSTER.get();
    let echoing = Target::echo();
    let _agent = cluster.agent("told-pi", &[0], &[("web", echoing.address().to_string())]);
    let client = cluster.client("told-laptop", "x/y");
    let (config, proxy) = (cluster.proxy(2).config(), cluster.proxy(1));
    let own = [("laptop", "told-laptop"), ("lab-pi", "told-pi"), ("config.toml", config.to_str().expect("text"))];
    let commands: Vec<_> = readme_commands("## Who may what").iter().map(|line| adapted(line, &own)).collect();
    let [allow, list, remove_client, remove_agent] = &commands[..] else { panic!("other commands than expected: {commands:#?}") };
    client.connect("told-pi/web", proxy, b"x").must_fail(5, "is not allowed");
    shell(cluster.home(), allow).must_succeed();
    assert_eq!(client.connect("told-pi/web", proxy, b"x").must_succeed(), b"x");
    let listed = String::from_utf8(shell(cluster.home(), list).must_succeed()).expect("text");
    assert!(listed.lines().any(|line| line.starts_with("told-laptop ") && line.contains("told-pi/*,*/web")), "{listed}");
    shell(cluster.home(), remove_client).must_succeed();
    shell(cluster.home(), remove_agent).must_succeed();
    wait_for("the agent is gone", || agent_row(proxy, "told-pi").is_none().then_some(()));
    client.connect("told-pi/web", proxy, b"x").must_fail(5, "the identity is revoked");
}
