//! What somebody sees who looks at a cluster: `ping`, `status --watch`, `agents show`, `doctor`; also while something is wrong.

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::Value;
use support::{Client, Cluster, LONG, Ports, Proxy, Target, closed_port, installed, not_run, run, wait_for, warren};

const TEST: &str = "tests/looking.rs";

fn ping(client: &Client, words: &[&str]) -> support::Ended {
    let identity = client.identity().to_str().expect("a path");
    warren(&[&["ping", "--identity", identity, "--interval", "10ms"], words].concat(), b"")
}

fn config(proxy: &Proxy) -> String {
    proxy.config().to_str().expect("a path").to_owned()
}

#[test]
fn ping_shows_the_way_and_its_round_trip() {
    let cluster = Cluster::start(3);
    let (sink, _reports) = Target::sink();
    let (_closed, closed) = closed_port();
    let services = [("mute", sink.address().to_string()), ("closed", closed.to_string())];
    let _agent = cluster.agent("lab", &[1], &services);
    let client = cluster.client("laptop", "lab/*");
    let through = cluster.proxy(0).public_address().to_string();

    let view = ping(&client, &["lab/mute", "--proxy", &through, "-c", "3", "-o", "json"]).json();
    assert_eq!((&view["schema"], &view["target"], &view["sent"], &view["received"]), (&1.into(), &"lab/mute".into(), &3.into(), &3.into()));
    for (number, reply) in (1..).zip(view["replies"].as_array().expect("replies")) {
        assert_eq!((&reply["number"], &reply["agent"]), (&number.into(), &"lab".into()));
        assert_eq!((&reply["path"], &reply["hops"]), (&serde_json::json!(["proxy-1", "proxy-2"]), &3.into()), "{view}");
        assert!(reply["rtt_ms"].as_f64().expect("a number") > 0.0 && reply["trace"].is_string(), "{view}");
    }
    // Straight to where the tunnel is, by any form of target.
    let by_port = format!("lab.warren:{}", sink.address().port());
    let direct = ping(&client, &[&by_port, "--proxy", &cluster.proxy(1).public_address().to_string(), "-c", "1", "-o", "json"]).json();
    assert_eq!(direct["replies"][0]["path"], serde_json::json!(["proxy-2"]));

    // A proxy: where it is, or through the one that is named.
    let straight = ping(&client, &["proxy-3", "-c", "2", "-o", "json"]).json();
    assert_eq!(
        (&straight["replies"][1]["path"], &straight["replies"][1]["agent"]),
        (&serde_json::json!(["proxy-3"]), &Value::Null),
        "{straight}"
    );
    let over = ping(&client, &["proxy-3", "--proxy", &through, "-c", "1", "-o", "json"]).json();
    assert_eq!(over["replies"][0]["path"], serde_json::json!(["proxy-1", "proxy-3"]));

    // As people see it: a line for each, and one for all.
    let shown = String::from_utf8(ping(&client, &["lab/mute", "--proxy", &through, "-c", "2"]).must_succeed()).expect("text");
    let lines: Vec<_> = shown.lines().collect();
    assert!(lines.len() == 3 && lines[0].contains(" ms  proxy-1 > proxy-2 > lab") && lines[2].contains("2 pings sent, 2 back"), "{shown}");

    // What comes to nothing ends with the code's own status.
    ping(&client, &["lab/closed", "--proxy", &through, "-c", "2"]).must_fail(1, "hint: ");
    ping(&client, &["lab/nothing", "--proxy", &through, "-c", "1"]).must_fail(4, "there is no service");
    ping(&client, &["other/mute", "--proxy", &through, "-c", "1"]).must_fail(5, "is not allowed");
    let unknown = ping(&client, &["lab/nothing", "--proxy", &through, "-c", "4"]);
    let shown = String::from_utf8(unknown.stdout.clone()).expect("text");
    assert!(unknown.status == Some(4) && shown.contains("1 ping sent, 0 back"), "what is unknown is asked for once: {shown}");
    ping(&client, &["lab", "--proxy", &through, "-c", "1"]).must_fail(4, "`warren ping lab/SERVICE`");
    // What is kept of the proxies is damaged: the error says what does without it.
    fs::write(client.identity().join("proxies.json"), "{").expect("a file");
    ping(&client, &["lab/mute", "-c", "1"]).must_fail(1, "hint: `--proxy ADDR`");
    let listed = ping(&client, &["--proxy", &through, "-o", "json"]).json();
    let row = |service: &str| serde_json::json!({"target": format!("lab/{service}"), "agent": "lab", "service": service, "online": true});
    assert_eq!(listed, serde_json::json!({"schema": 1, "services": [row("closed"), row("mute")], "more": false}));
    let stranger = cluster.client("stranger", "other/*");
    assert_eq!(
        ping(&stranger, &["--proxy", &through, "-o", "json"]).json()["services"],
        serde_json::json!([]),
        "nor what it may not reach"
    );
    ping(&client, &["proxy-9", "--proxy", &through, "-c", "1"]).must_fail(4, "there is no proxy `proxy-9`");
    client.limit_dials("1s");
    let limits = client.config().to_str().expect("a path");
    ping(&client, &["lab/mute", "--proxy", "127.0.0.1:9", "-c", "1", "--config", limits]).must_fail(6, "no proxy");
}

/// A `warren status --watch` that runs, line by line.
struct Watch {
    child: Child,
    lines: Receiver<String>,
}

impl Watch {
    fn start(proxy: &Proxy) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_warren"));
        command.args(["status", "--watch", "-o", "jsonl", "--config", &config(proxy)]).env_clear().stdout(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let (output, (told, lines)) = (child.stdout.take().expect("a pipe"), channel());
        thread::spawn(move || BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| told.send(line)));
        Self { child, lines }
    }

    /// Reads on until a line that is so.
    fn wait_for(&self, what: &str, is_so: impl Fn(&Value) -> bool) {
        let begun = tokio::time::Instant::now();
        loop {
            let line = self.lines.recv_timeout(LONG).expect("it goes on");
            let value: Value = serde_json::from_str(&line).expect("one object a line");
            assert_eq!(value["schema"], 1, "{line}");
            if is_so(&value) {
                return;
            }
            assert!(begun.elapsed() < LONG, "{what}: {line}");
        }
    }

    /// Ends it as Ctrl-C does, and gives its exit status.
    fn end(mut self) -> Option<i32> {
        let killed = Command::new("sh").arg("-c").arg(format!("kill -INT {}", self.child.id())).status().expect("a shell");
        assert!(killed.success());
        wait_for("it ends", || self.child.try_wait().expect("its status")).code()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // It fails only if the process has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_status_that_is_watched_goes_on_without_quorum_and_without_its_proxy() {
    let mut cluster = Cluster::start(3);
    let watch = Watch::start(cluster.proxy(0));
    watch.wait_for("it is healthy", |status| status["healthy"] == true);
    [1, 2].into_iter().for_each(|index| cluster.proxy_mut(index).kill());
    let has =
        |status: &Value, code: &str| status["problems"].as_array().is_some_and(|all| all.iter().any(|problem| problem["code"] == code));
    watch.wait_for("it says that the quorum is lost", |status| has(status, "no_quorum"));
    cluster.proxy_mut(0).kill();
    watch.wait_for("it says that nobody answers", |answer| answer["error"]["code"] == "peer_unreachable");
    cluster.restart_all();
    watch.wait_for("it is healthy again", |status| status["healthy"] == true);
    assert_eq!(watch.end(), Some(0), "as it was in the end");
}

#[test]
fn a_hung_proxy_keeps_nobody_for_long_and_each_problem_has_a_next_command() {
    let mut cluster = Cluster::start(3);
    cluster.proxy_mut(2).kill();
    let status = wait_for("the loss is noticed", || {
        let status = warren(&["status", "-o", "json", "--config", &config(cluster.proxy(0))], b"");
        (status.status == Some(3)).then_some(status)
    });
    let status: Value = serde_json::from_slice(&status.stdout).expect("JSON");
    let problems = status["problems"].as_array().expect("problems");
    assert!(!problems.is_empty() && problems.iter().all(|problem| problem["hint"].is_string()), "{status:#}");

    cluster.proxy_mut(1).freeze();
    let looks: [&[&str]; 10] = [
        &["status"],
        &["proxies", "ls"],
        &["proxies", "show", "proxy-1"],
        &["agents", "ls"],
        &["routes", "ls"],
        &["clients", "ls"],
        &["token", "ls"],
        &["strategy", "show"],
        &["ca", "status"],
        &["raft", "status"],
    ];
    // Beside each other: each takes its five seconds, and not the thirty that whoever changes something is given.
    thread::scope(|scope| {
        for look in looks {
            let config = config(cluster.proxy(1));
            scope.spawn(move || {
                let hung = warren(&[look, &["--config", &config]].concat(), b"");
                hung.must_fail(6, "did not answer within 5s");
                assert!(hung.stderr.contains("stopped or stuck") && hung.stderr.contains("hint: `ps "), "{look:?}: {}", hung.stderr);
            });
        }
    });
    cluster.proxy_mut(1).thaw();
}

#[test]
fn on_a_terminal_it_is_drawn_in_place_and_progress_is_shown() {
    let Some(script) = installed("script") else { return not_run(TEST, "script, which makes a terminal, is not installed") };
    let cluster = Cluster::start(2);
    let echo = Target::echo();
    let _agent = cluster.agent("lab", &[0], &[("echo", echo.address().to_string())]);
    let warren = env!("CARGO_BIN_EXE_warren");
    let in_terminal = |line: String| {
        let mut command = Command::new(&script);
        command.args(["-qec", &line, "/dev/null"]);
        String::from_utf8_lossy(&run(command, b"").stdout).into_owned()
    };
    let watched = in_terminal(format!("timeout -s INT 3 {warren} status --watch --config {}", config(cluster.proxy(0))));
    assert!(watched.matches("\u{1b}[H").count() >= 2 && watched.contains("\u{1b}[32mhealthy\u{1b}[0m"), "{watched:?}");
    let owner = cluster.proxy(cluster.owner_of("lab"));
    let drained = in_terminal(format!("{warren} proxies drain {} --wait --config {}", owner.name(), config(cluster.proxy(0))));
    assert!(drained.contains("[#") || drained.contains("[-"), "{drained:?}");
    assert!(drained.contains("\u{1b}[K") && drained.contains("is drained"), "{drained:?}");
}

#[test]
fn an_agent_is_shown_with_what_a_hint_promises() {
    let cluster = Cluster::start(2);
    let echo = Target::echo();
    let mut agent = cluster.agent("lab", &[1], &[("echo", echo.address().to_string())]);
    let show = |words: &[&str]| warren(&[words, &["--config", &config(cluster.proxy(0))]].concat(), b"");
    let text = String::from_utf8(show(&["agents", "show", "lab"]).must_succeed()).expect("text");
    assert!(text.starts_with("agent lab: online\n") && text.contains("proxy-2") && text.contains(&echo.address().to_string()), "{text}");
    let json = show(&["agents", "show", "lab", "-o", "json"]).json();
    assert_eq!((&json["agent"]["name"], &json["routes"][0]["proxy"]), (&"lab".into(), &"proxy-2".into()));
    agent.process().signal("TERM");
    agent.process().wait();
    let client = cluster.client("laptop", "*/*");
    wait_for("it is offline", || cluster.proxy(0).places_of("lab").is_empty().then_some(()));
    let status = show(&["status", "-o", "json"]).json();
    assert_eq!((&status["agents"], &status["agents_offline"], &status["last_offline"]["name"]), (&0.into(), &1.into(), &"lab".into()));
    let text = String::from_utf8(show(&["status"]).must_succeed()).expect("text");
    assert!(text.contains("0 agents online, 1 offline (last `lab`, seen 2"), "{text}");
    let failed = client.connect("lab/echo", cluster.proxy(0), b"");
    failed.must_fail(6, "hint: `warren agents show lab`");
    let text = String::from_utf8(show(&["agents", "show", "lab"]).must_succeed()).expect("text");
    assert!(text.starts_with("agent lab: offline\n") && text.contains("hint: "), "{text}");
}

#[test]
fn doctor_tries_the_proxies_and_its_report_tells_no_secret() {
    let mut cluster = Cluster::start(2);
    let echo = Target::echo();
    let _agent = cluster.agent("lab", &[0], &[("echo", echo.address().to_string())]);
    let client = cluster.client("laptop", "*/*");
    let identity = client.identity().to_str().expect("a path").to_owned();
    let report = cluster.home().join("report.json");
    let file = report.to_str().expect("a path");
    let words = ["doctor", "--identity", &identity, "--config", &config(cluster.proxy(0)), "--report", file, "-o", "json"];
    let examined = warren(&words, b"");
    let view: Value = serde_json::from_slice(&examined.stdout).expect("JSON");
    let checks = view["checks"].as_array().expect("checks");
    let found = |check: &str| checks.iter().filter(|row| row["check"] == check).map(|row| &row["severity"]).collect::<Vec<_>>();
    for proxy in cluster.proxies() {
        assert_eq!(found(&format!("udp to {}", proxy.public_address())), ["ok"], "{view:#}");
    }
    for check in ["client certificate", "configuration"] {
        assert_eq!(found(check), ["ok"], "{check}: {view:#}");
    }
    assert_eq!(found("clock"), ["ok", "ok"], "beside that of each proxy: {view:#}");
    assert!(found("proxy disk").len() == 1 && found("peer proxy-1").is_empty(), "a proxy is no peer of itself: {view:#}");
    warren(&words, b"").must_fail(1, "exists already");

    let text = fs::read_to_string(&report).expect("the report");
    let kept: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((&kept["schema"], &kept["cluster"]["status"]["healthy"]), (&1.into(), &true.into()), "{text}");
    let secrets: Vec<String> = secrets(&cluster, &client);
    assert!(secrets.len() > 6, "{}", secrets.len());
    for secret in secrets {
        assert!(!text.contains(&secret), "the report has a line of a secret");
    }

    let lost = cluster.proxy(1).public_address();
    cluster.proxy_mut(1).kill();
    let examined = warren(&["doctor", "--identity", &identity, "--config", &config(cluster.proxy(0)), "-o", "json"], b"");
    let view: Value = serde_json::from_slice(&examined.stdout).expect("JSON");
    let silent =
        view["checks"].as_array().expect("checks").iter().find(|row| row["check"] == format!("udp to {lost}")).expect("it is tried");
    assert_eq!((examined.status, &silent["severity"], silent["hint"].is_string()), (Some(3), &"problem".into(), true), "{silent}");
    cluster.proxy_mut(1).restart(Ports::Same);
}

/// Every line of every key, and every token, that this cluster has made in its directories.
fn secrets(cluster: &Cluster, client: &Client) -> Vec<String> {
    let dirs = [
        client.identity().to_owned(),
        cluster.home().to_owned(),
        cluster.proxy(0).data_dir().join("identity"),
        cluster.home().join("agent-lab"),
    ];
    let files = dirs.iter().flat_map(|dir| fs::read_dir(dir).expect("listed").flatten()).map(|entry| entry.path());
    let is_secret = |path: &std::path::PathBuf| path.ends_with("key.pem") || path.extension().is_some_and(|ending| ending == "token");
    let texts = files.filter(is_secret).map(|file| fs::read_to_string(file).expect("text"));
    texts.flat_map(|text| text.lines().filter(|line| !line.starts_with("-----")).map(str::to_owned).collect::<Vec<_>>()).collect()
}
