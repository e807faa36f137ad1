//! Certificates: renewed in time and without cutting anything, their authority replaced and taken back in phases under dials, single ones refused, and
//! who slept past the end of one told how to go on.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use support::forge::{Forger, Presented, dial};
use support::later::Later;
use support::{Agent, Client, Cluster, Dialling, Echoing, Forward, LONG, Proxy, Target, exchange, took, wait_for, warren};
use tokio::task::JoinSet;
use tokio::time::Instant;
use warren::identity::Alpn;
use warren::net::quic::Profile;
use warren::net::{Env, dialling_endpoint};
use warren::wire::{AuthoritiesReply, AuthoritiesRequest, ClientRequest, Heard, Hello, Holdings, frame};
use warren_raft::{Serial, Timestamp};

/// A cluster whose certificates live for so long, such as `10s`.
fn living(count: usize, lifetime: &str) -> Cluster {
    let further = format!("[cluster]\ncertificate_lifetime = {lifetime:?}\n");
    Cluster::start_with(count, |proxy| proxy.configured(&further))
}

/// What `warren ca WORDS -o json` says at a proxy.
fn ca(cluster: &Cluster, at: usize, words: &[&str]) -> Value {
    cluster.run_at(cluster.proxy(at), &[&["ca"], words, &["-o", "json"]].concat())
}

/// The serial numbers in use, by role and name, as the first proxy that runs knows.
fn serials(cluster: &Cluster) -> BTreeMap<String, String> {
    let at = cluster.proxies().iter().position(Proxy::runs).expect("one runs");
    let view = ca(cluster, at, &["ls"]);
    let rows = view["certificates"].as_array().expect("rows");
    rows.iter().map(|row| (format!("{}/{}", text(&row["role"]), text(&row["name"])), text(&row["serial"]))).collect()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn as_text(path: &Path) -> &str {
    path.to_str().expect("a path of this test is text")
}

/// The fingerprints of the authorities that are trusted, as a proxy tells.
fn trusted(cluster: &Cluster, at: usize) -> Vec<String> {
    let view = ca(cluster, at, &["status"]);
    view["authorities"].as_array().expect("rows").iter().map(|row| text(&row["fingerprint"])).collect()
}

/// The phase of the rotation; `None` without one.
fn phase(cluster: &Cluster) -> Option<String> {
    ca(cluster, 0, &["status"])["rotation"]["phase"].as_str().map(str::to_owned)
}

/// Waits until every certificate in use is of this authority.
fn wait_all_of(cluster: &Cluster, authority: &str) {
    wait_for("every certificate is of the authority", || {
        let view = ca(cluster, 0, &["ls"]);
        let rows = view["certificates"].as_array().expect("rows");
        rows.iter().all(|row| row["authority"] == authority).then_some(())
    });
}

/// A client that dials an echo on `lab-pi`, and streams that stay open meanwhile.
struct Load {
    _echo: Target,
    agent: Agent,
    client: Client,
    dialling: Dialling,
    echoing: Echoing,
    _long: Vec<Forward>,
}

impl Load {
    fn start(cluster: &Cluster) -> Self {
        let echo = Target::echo();
        let agent = cluster.agent("lab-pi", &[0, 1], &[("echo", echo.address().to_string())]);
        let client = cluster.client("ann", "*/*");
        let addresses: Vec<_> = cluster.proxies().iter().map(Proxy::public_address).collect();
        // What enters at the third proxy ends with it, and tests kill that one.
        let entrances = &addresses[..2];
        let dialling = Dialling::rotating(vec![client.forward("dials", "lab-pi/echo", entrances)]);
        let long = vec![client.forward("long", "lab-pi/echo", entrances)];
        Self { _echo: echo, agent, client, dialling, echoing: Echoing::start(&long), _long: long }
    }

    fn must_be_whole(self) {
        self.dialling.wait_for_more(3);
        self.echoing.wait_for_more(3);
        assert_eq!(self.dialling.failures(), Vec::<String>::new());
        assert_eq!(self.echoing.failures(), Vec::<String>::new());
    }
}

#[test]
fn certificates_are_renewed_again_and_again_and_nothing_is_cut() {
    let cluster = living(3, "8s");
    let load = Load::start(&cluster);
    let everybody = ["agent/lab-pi", "client/ann", "proxy/proxy-1", "proxy/proxy-2", "proxy/proxy-3"];
    let mut before = wait_for("everybody says what it holds", || {
        let serials = serials(&cluster);
        everybody.iter().all(|name| serials.contains_key(*name)).then_some(serials)
    });
    for _ in 0..2 {
        before = wait_for("everybody has another certificate", || {
            let now = serials(&cluster);
            everybody.iter().all(|name| now.contains_key(*name) && now.get(*name) != before.get(*name)).then_some(now)
        });
    }
    let row = &cluster.proxy(0).status().expect("it answers")["proxies"][0]["certificate"];
    assert!(row["remaining_seconds"].as_u64().is_some_and(|left| left <= 8) && row["renewal_failed"].is_null(), "{row}");
    load.must_be_whole();
}

/// Its certificate would end while nobody dials, and it could not get another one.
#[test]
fn a_forward_that_nobody_uses_is_connected_again_and_renews() {
    let mut cluster = living(1, "8s");
    let echo = Target::echo();
    let _agent = cluster.agent("lab-pi", &[0], &[("echo", echo.address().to_string())]);
    let forward = cluster.client("ann", "*/*").forward("idle", "lab-pi/echo", &[]);
    let serial = |cluster: &Cluster| serials(cluster).remove("client/ann");
    wait_for("it is connected", || serial(&cluster));
    cluster.proxy_mut(0).stop();
    cluster.proxy_mut(0).restart(support::Ports::Same);
    cluster.wait_healthy();
    let first = wait_for("it is connected again", || serial(&cluster));
    // Longer than any certificate lives that it had before.
    let second = wait_for("it has renewed", || serial(&cluster).filter(|now| *now != first));
    wait_for("it has renewed again", || serial(&cluster).filter(|now| *now != second));
    assert_eq!(exchange(&forward.connect(), b"hello").expect("an echo"), b"hello");
}

#[test]
fn the_authority_is_replaced_under_dials() {
    let mut cluster = living(3, "3m");
    let load = Load::start(&cluster);
    let old = trusted(&cluster, 0);
    let stale = cluster.token("agent", &[]);
    let view = ca(&cluster, 1, &["rotate", "--wait", "--timeout", "60s"]);
    assert!(view["rotation"].is_null(), "{view:#}");
    let new = trusted(&cluster, 1);
    assert!(new.len() == 1 && new != old, "{new:?} {old:?}");
    wait_all_of(&cluster, &new[0]);
    for at in 0..3 {
        wait_for("every proxy trusts the new one alone", || (trusted(&cluster, at) == new).then_some(()));
    }
    // A token of the old one admits nobody, one of the new one does, and proxies come back by themselves.
    let created = cluster.create_token("client", &[]);
    assert!(text(&created["token"]).starts_with(&format!("warren1_{}", &new[0][..32])), "the token names the new one");
    let refused = warren(
        &[
            "enroll",
            &cluster.proxy(0).public_address().to_string(),
            "--token-file",
            stale.to_str().expect("text"),
            "--name",
            "eve",
            "--identity",
            cluster.home().join("eve").to_str().expect("text"),
        ],
        b"",
    );
    refused.must_fail(5, "the token is of another cluster, or older than the authority that this one has now");
    refused.must_fail(5, "make a new token there: `warren token create --role client`");
    let late = cluster.client("bob", "*/*");
    assert_eq!(late.connect("lab-pi/echo", cluster.proxy(2), b"hello").must_succeed(), b"hello");
    cluster.proxy_mut(2).stop();
    cluster.proxy_mut(2).restart(support::Ports::Same);
    cluster.wait_healthy();
    assert_eq!(load.client.connect("lab-pi/echo", cluster.proxy(2), b"hello").must_succeed(), b"hello");
    // Whoever joins replays what was before, and takes none of it for what is so: it presents no certificate of the authority that has gone.
    cluster.add(|proxy| proxy);
    cluster.proxy_mut(3).wait_ready();
    let joined = cluster.proxy(3).log();
    let renewed: Vec<_> =
        joined.lines().filter(|line| line.contains("certificate renewed") || line.contains("authorities added")).collect();
    assert!(renewed.first().is_none_or(|line| line.contains("authorities added")), "{joined}");
    assert_eq!(load.client.connect("lab-pi/echo", cluster.proxy(3), b"hello").must_succeed(), b"hello");
    load.must_be_whole();
}

#[test]
fn a_rotation_is_rolled_back_in_each_phase_and_waits_for_who_is_away() {
    let mut cluster = living(3, "3m");
    let mut load = Load::start(&cluster);
    let old = trusted(&cluster, 0);
    refuses_without_a_rotation(&cluster);

    // While a proxy is down nobody can know that it has learned of the new one.
    cluster.proxy_mut(2).kill();
    ca(&cluster, 0, &["rotate"]);
    wait_for("the rotation says for whom it waits", || {
        let view = ca(&cluster, 0, &["status"]);
        let waits = view["rotation"]["waits_for"].to_string();
        (view["rotation"]["phase"] == "trusting" && waits.contains("proxy `proxy-3`")).then_some(())
    });
    assert!(ca(&cluster, 0, &["rollback", "--wait", "--timeout", "30s"])["rotation"].is_null());
    assert_eq!(trusted(&cluster, 0), old);
    cluster.proxy_mut(2).restart(support::Ports::Same);
    cluster.wait_healthy();

    // An agent that is away keeps the old one trusted, and comes back.
    let token = cluster.token("agent", &[]);
    let start = |cluster: &Cluster| {
        Agent::start(cluster.home(), "away", &[cluster.proxy(0).public_address()], &token, &[("x", "127.0.0.1:1".to_owned())])
    };
    let away = start(&cluster);
    cluster.wait_online("away");
    drop(away);
    wait_for("it is gone", || cluster.proxy(0).places_of("away").is_empty().then_some(()));
    ca(&cluster, 0, &["rotate"]);
    wait_for("the rotation waits for the agent", || {
        let view = ca(&cluster, 0, &["status"]);
        let waits = view["rotation"]["waits_for"].to_string();
        (view["rotation"]["phase"] == "issuing" && waits.contains("away") && view["rotation"]["lagging"] == 0).then_some(())
    });
    ca(&cluster, 1, &["rollback"]);
    assert_eq!(phase(&cluster).as_deref(), Some("returning"));
    let away = start(&cluster);
    wait_for("everybody is back", || phase(&cluster).is_none().then_some(()));
    assert_eq!(trusted(&cluster, 0), old);
    wait_all_of(&cluster, &old[0]);

    presenting_is_rolled_back(&mut cluster, away, &start);
    assert_eq!(trusted(&cluster, 0), old);
    wait_all_of(&cluster, &old[0]);
    load.agent.process().must_run();
    load.must_be_whole();
}

fn refuses_without_a_rotation(cluster: &Cluster) {
    let config = cluster.proxy(0).config();
    let ended = warren(&["--config", config.to_str().expect("text"), "ca", "rollback"], b"");
    ended.must_fail(1, "nothing was rolled back: no rotation is under way");
}

/// A proxy that cannot keep its certificate holds the rotation in its last phase.
fn presenting_is_rolled_back(cluster: &mut Cluster, away: Agent, start: &dyn Fn(&Cluster) -> Agent) {
    drop(away);
    wait_for("it is gone again", || cluster.proxy(0).places_of("away").is_empty().then_some(()));
    ca(cluster, 0, &["rotate"]);
    wait_for("the rotation waits for the agent", || {
        let rotation = &ca(cluster, 0, &["status"])["rotation"];
        (rotation["phase"] == "issuing" && rotation["lagging"] == 0).then_some(())
    });
    let kept = cluster.proxy(1).data_dir().join("identity/certificate.pem");
    let certificate = fs::read(&kept).expect("a certificate");
    fs::remove_file(&kept).expect("removed");
    fs::create_dir(&kept).expect("a directory in its place");
    let _away = start(cluster);
    wait_for("a proxy holds the last phase up", || {
        let rotation = &ca(cluster, 0, &["status"])["rotation"];
        (rotation["phase"] == "presenting" && rotation["waits_for"].to_string().contains("proxy `proxy-2`")).then_some(())
    });
    let failed = wait_for("status says why", || {
        cluster.proxy(0).status()?["proxies"][1]["certificate"]["renewal_failed"].as_str().map(str::to_owned)
    });
    assert!(failed.contains("certificate.pem"), "{failed}");
    ca(cluster, 2, &["rollback"]);
    fs::remove_dir(&kept).expect("removed");
    fs::write(&kept, certificate).expect("written");
    wait_for("it is rolled back", || phase(cluster).is_none().then_some(()));
}

#[test]
fn a_rotation_goes_on_after_a_restore() {
    let mut cluster = living(1, "3m");
    let token = cluster.token("agent", &[]);
    let start = |cluster: &Cluster| {
        Agent::start(cluster.home(), "away", &[cluster.proxy(0).public_address()], &token, &[("x", "127.0.0.1:1".to_owned())])
    };
    let away = start(&cluster);
    cluster.wait_online("away");
    drop(away);
    wait_for("it is gone", || cluster.proxy(0).places_of("away").is_empty().then_some(()));
    ca(&cluster, 0, &["revoke", &"4f".repeat(16)]);
    ca(&cluster, 0, &["rotate"]);
    wait_for("the rotation waits for the agent", || (phase(&cluster)? == "issuing").then_some(()));
    let before = trusted(&cluster, 0);

    let (config, file) = (cluster.proxy(0).config(), cluster.home().join("saved"));
    let on = |verb: &str| {
        let words = ["--config", config.to_str().expect("text"), "raft", "snapshot", verb, file.to_str().expect("text")];
        warren(&words, b"").must_succeed();
    };
    on("save");
    cluster.kill_all();
    fs::remove_dir_all(cluster.proxy(0).data_dir()).expect("removed");
    on("restore");
    cluster.proxy_mut(0).restart(support::Ports::Same);
    cluster.proxy_mut(0).wait_ready();
    assert_eq!((trusted(&cluster, 0), phase(&cluster).as_deref()), (before.clone(), Some("issuing")));
    assert_eq!(ca(&cluster, 0, &["status"])["revoked"][0]["serial"], "4f".repeat(16));
    let _away = start(&cluster);
    wait_for("the rotation is over", || phase(&cluster).is_none().then_some(()));
    assert_eq!(trusted(&cluster, 0), before[..1]);
}

#[test]
fn who_was_away_for_a_forced_rotation_is_told_and_enrols_again() {
    let cluster = living(1, "3m");
    let away = cluster.agent("lab-pi", &[0], &[("x", "127.0.0.1:1".to_owned())]);
    let client = cluster.client("ann", "*/*");
    drop(away);
    wait_for("it is gone", || cluster.proxy(0).places_of("lab-pi").is_empty().then_some(()));
    they_are_named_and_passed_over_on_the_way_back(&cluster);
    let forced = forced(&cluster, "rotate");
    assert!(forced.contains("rotation: 2 of 3") && forced.contains("; away: agent `lab-pi`, client `ann`\n"), "{forced}");
    assert_eq!(phase(&cluster), None);
    let ended = client.connect("lab-pi/x", cluster.proxy(0), b"");
    ended.must_fail(5, "the proxies are of another cluster");
    assert!(ended.stderr.contains("warren enroll"), "{}", ended.stderr);
}

/// Has a rotation not wait for who is away, and gives what is said meanwhile where standard error is no terminal.
fn forced(cluster: &Cluster, verb: &str) -> String {
    let config = cluster.proxy(0).config();
    let ended = warren(&["--config", as_text(&config), "ca", verb, "--wait", "--timeout", "60s", "--skip-absent"], b"");
    let told = ended.stderr.clone();
    ended.must_succeed();
    told
}

fn they_are_named_and_passed_over_on_the_way_back(cluster: &Cluster) {
    ca(cluster, 0, &["rotate"]);
    let rotation = wait_for("it waits for who is away alone", || {
        let rotation = ca(cluster, 0, &["status"])["rotation"].clone();
        (rotation["phase"] == "issuing" && rotation["waits_for"].as_array()?.len() == 1).then_some(rotation)
    });
    assert_eq!(rotation["away"], 2);
    assert_eq!(rotation["absent"], serde_json::json!([{"role": "agent", "name": "lab-pi"}, {"role": "client", "name": "ann"}]));
    let config = cluster.proxy(0).config();
    let shown = String::from_utf8(warren(&["--config", as_text(&config), "ca", "status"], b"").must_succeed()).expect("text");
    for part in ["  away: agent `lab-pi`\n", "  away: client `ann`\n", "`warren ca rotate --skip-absent` goes on without"] {
        assert!(shown.contains(part), "`{part}` is not in {shown}");
    }
    ca(cluster, 0, &["rollback"]);
    wait_for("it waits for them on the way back, too", || {
        let rotation = ca(cluster, 0, &["status"])["rotation"].clone();
        (rotation["phase"] == "returning" && rotation["waits_for"].as_array()?.len() == 1).then_some(())
    });
    let shown = String::from_utf8(warren(&["--config", as_text(&config), "ca", "status"], b"").must_succeed()).expect("text");
    assert!(shown.contains("`warren ca rollback --skip-absent` goes on without"), "{shown}");
    forced(cluster, "rollback");
    assert_eq!(phase(cluster), None);
}

#[test]
fn a_single_certificate_is_refused_everywhere_and_forgotten_when_it_has_ended() {
    let cluster = living(3, "30s");
    let echo = Target::echo();
    let services = [("echo", echo.address().to_string())];
    let agent = cluster.agent("lab-pi", &[0], &services);
    let client = cluster.client("ann", "*/*");
    assert_eq!(client.connect("lab-pi/echo", cluster.proxy(1), b"hi").must_succeed(), b"hi");

    let serial = wait_for("the agent says what it holds", || serials(&cluster).get("agent/lab-pi").cloned());
    let begun = Instant::now();
    let revoked = ca(&cluster, 1, &["revoke", &serial.to_uppercase()]);
    assert_eq!((text(&revoked["serial"]), text(&revoked["holder"])), (serial.clone(), "agent `lab-pi`".to_owned()));
    wait_for("its tunnel is cut", || cluster.proxy(2).places_of("lab-pi").is_empty().then_some(()));
    took("the tunnel of a revoked certificate was cut", begun);
    wait_for("it is refused", || agent.log().contains("the identity is revoked").then_some(()));
    assert!(agent.log().contains("delete `certificate.pem` in its `data_dir` and start it with a new token"), "{}", agent.log());
    let _agent = comes_back_with_its_key(&cluster, agent, &services);
    assert_eq!(client.connect("lab-pi/echo", cluster.proxy(1), b"hi").must_succeed(), b"hi");

    // A proxy gets itself another one, and nobody is removed.
    let before = serials(&cluster)["proxy/proxy-2"].clone();
    ca(&cluster, 0, &["revoke", &before]);
    wait_for("the proxy has another one", || (serials(&cluster).get("proxy/proxy-2")? != &before).then_some(()));
    for proxy in cluster.proxies() {
        wait_for("the cluster is healthy", || (proxy.status()?["healthy"] == true).then_some(()));
    }

    // What nobody uses is remembered for as long as a certificate may live.
    ca(&cluster, 0, &["revoke", &"4f".repeat(16)]);
    wait_for("those that were in use are forgotten", || {
        let view = ca(&cluster, 0, &["status"]);
        let rows = view["revoked"].as_array().expect("rows").clone();
        (rows.len() == 1 && rows[0]["serial"] == "4f".repeat(16)).then_some(())
    });
    cluster_survives(&cluster);
}

/// An agent whose certificate was revoked does as it is told. What would be told to one that was removed would not do.
fn comes_back_with_its_key(cluster: &Cluster, agent: Agent, services: &[(&str, String)]) -> Agent {
    drop(agent);
    let (elsewhere, token) = (cluster.home().join("empty"), cluster.token("agent", &[]));
    let address = cluster.proxy(0).public_address().to_string();
    let words = ["agent", "--name", "lab-pi", "--token-file", as_text(&token), "--proxy", &address, "--publish", "x=127.0.0.1:1"];
    warren(&[&words[..], &["--data-dir", as_text(&elsewhere)]].concat(), b"").must_fail(5, "choose another name");
    fs::remove_file(cluster.home().join("agent-lab-pi/certificate.pem")).expect("it has one");
    cluster.agent("lab-pi", &[0], services)
}

/// A client that says of a certificate with this number that it has it, and that it has ended long ago.
async fn lie(client: &Later, address: SocketAddr, serial: Serial) -> quinn::Connection {
    let connection = client.dial(Alpn::Client, Profile::Client, address).await;
    let (mut send, mut recv) = connection.open_bi().await.expect("a stream");
    let holds = Holdings { serial, expires_at: Timestamp(1), lifetime_ms: 1, issuer: None, trusted: Vec::new() };
    let says = ClientRequest::Authorities(AuthoritiesRequest { hello: Hello::ours(), holds });
    frame::write(&mut send, &says, frame::MAX_MESSAGE).await.expect("written");
    // It trusts nobody, and is told at once whom to: what it has said is noted by then.
    let told: Heard<AuthoritiesReply> = frame::hear(&mut recv, frame::MAX_MESSAGE).await.expect("an answer");
    assert!(matches!(told, Heard::Known(AuthoritiesReply::Authorities(_))), "{told:?}");
    connection
}

#[test]
fn a_certificate_is_refused_whatever_is_said_of_it() {
    let cluster = Cluster::start(1);
    let (ann, bob) = (cluster.client("ann", "*/*"), cluster.client("bob", "*/*"));
    let (address, runtime) = (cluster.proxy(0).public_address(), tokio::runtime::Runtime::new().expect("a runtime"));
    let number = Presented::of(ann.identity()).serial();
    let serial = Serial(hex::decode(&number).expect("digits").try_into().expect("16 bytes"));
    let (bobs, thief) = runtime.block_on(async {
        let bobs = lie(&Later::of(&bob), address, serial).await;
        (bobs, lie(&Later::of(&ann), address, serial).await)
    });
    let revoked = ca(&cluster, 0, &["revoke", &number]);
    assert_eq!(text(&revoked["holder"]), "client `ann`", "whoever came with it is its holder");
    runtime.block_on(async {
        tokio::time::timeout(LONG, thief.closed()).await.expect("what was made with it is cut");
        if let Ok(again) = Later::of(&ann).try_dial(Alpn::Client, Profile::Client, address).await {
            tokio::time::timeout(LONG, again.closed()).await.expect("it is refused from now on");
        }
        drop(bobs);
    });
    let refused = ann.connect("none/echo", cluster.proxy(0), b"");
    refused.must_fail(5, "revoked");
    refused.must_fail(5, "delete `certificate.pem` in its `--identity DIR` and enrol again with a new token");
    fs::remove_file(ann.identity().join("certificate.pem")).expect("it has one");
    let token = cluster.token("client", &["--allow", "*/*"]);
    ann.enroll_at("ann", &[address], &token).must_succeed();
    ann.connect("none/echo", cluster.proxy(0), b"").must_fail(4, "no agent `none` has enrolled");
}

/// Shakes hands as this identity, again and again, and says nothing.
async fn knock(config: Arc<rustls::ClientConfig>, address: SocketAddr) {
    let endpoint = dialling_endpoint(&Env::real()).expect("a socket");
    loop {
        match dial(&endpoint, address, &config).await {
            Ok(connection) => drop(connection.closed().await),
            // The authority is another by now.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

#[test]
fn who_has_stolen_the_authority_s_key_does_not_keep_it_from_being_replaced() {
    let cluster = Cluster::start(1);
    let (snapshot, address) = (cluster.home().join("stolen.snapshot"), cluster.proxy(0).public_address());
    let config = cluster.proxy(0).config();
    let words = ["--config", config.to_str().expect("text"), "raft", "snapshot", "save", snapshot.to_str().expect("text")];
    warren(&words, b"").must_succeed();
    let (forger, runtime) = (Forger::with_snapshot(&snapshot), tokio::runtime::Runtime::new().expect("a runtime"));
    let mut thieves = JoinSet::new();
    for number in 0..2 {
        let agent = forger.sign(&[format!("warren://{}/agent/nobody-{number}", forger.cluster)], -1);
        let config = Presented::client(Some(&agent), &[b"warren-agent/1"]);
        thieves.spawn_on(knock(config, address), runtime.handle());
    }
    wait_for("they are there", || serials(&cluster).keys().any(|who| who.starts_with("agent/nobody-")).then_some(()));
    let view = ca(&cluster, 0, &["rotate", "--wait", "--timeout", "60s"]);
    assert!(view["rotation"].is_null(), "{view:#}");
    drop(thieves);
}

fn cluster_survives(cluster: &Cluster) {
    assert_eq!(cluster.proxies().iter().filter(|proxy| proxy.runs()).count(), 3);
}

/// Its token admits the same machine with the same key again, for as long as the token lives.
fn a_machine_that_slept_comes_back(cluster: &Cluster, agent: &mut Agent, data_dir: &Path) {
    agent.process().signal("STOP");
    wait_for("its tunnel is gone", || cluster.proxy(0).places_of("lab-pi").is_empty().then_some(()));
    wait_ended(&data_dir.join("certificate.pem"));
    agent.process().signal("CONT");
    wait_for("it has enrolled again", || agent.log().contains("enrolled again after the certificate had ended").then_some(()));
    cluster.wait_online("lab-pi");
}

/// Waits until a certificate that lives for five seconds and that nobody renews any more has ended.
fn wait_ended(certificate: &Path) {
    wait_for("the certificate has ended", || {
        let written = fs::metadata(certificate).and_then(|file| file.modified()).expect("a file");
        written.elapsed().is_ok_and(|age| age > Duration::from_secs(6)).then_some(())
    });
}

#[test]
fn who_slept_past_the_end_of_its_certificate_says_how_to_go_on() {
    let cluster = living(1, "5s");
    let client = cluster.client("ann", "*/*");
    let agent = cluster.agent("lab-pi", &[0], &[("x", "127.0.0.1:1".to_owned())]);
    drop(agent);
    wait_ended(&client.identity().join("certificate.pem"));
    let ended = client.connect("lab-pi/x", cluster.proxy(0), b"");
    ended.must_fail(5, "has expired");
    assert!(ended.stderr.contains("hint: `warren enroll"), "{}", ended.stderr);
    let data_dir = cluster.home().join("agent-lab-pi");
    let words = [
        "agent",
        "--name",
        "lab-pi",
        "--publish",
        "x=127.0.0.1:1",
        "--proxy",
        "127.0.0.1:1",
        "--data-dir",
        data_dir.to_str().expect("text"),
    ];
    wait_ended(&data_dir.join("certificate.pem"));
    let ended = warren(&words, b"");
    ended.must_fail(5, "has expired");
    assert!(ended.stderr.contains("hint: `warren token create --role agent`"), "{}", ended.stderr);

    // With a new token both are back as who they were.
    wait_for("the first agent's tunnel is gone", || cluster.proxy(0).places_of("lab-pi").is_empty().then_some(()));
    let echo = Target::echo();
    let mut agent = cluster.agent("lab-pi", &[0], &[("echo", echo.address().to_string())]);
    a_machine_that_slept_comes_back(&cluster, &mut agent, &data_dir);
    let token = cluster.token("client", &["--allow", "*/*"]);
    client.enroll_at("ann", &[cluster.proxy(0).public_address()], &token).must_succeed();
    assert_eq!(client.connect("lab-pi/echo", cluster.proxy(0), b"hi").must_succeed(), b"hi");
}
