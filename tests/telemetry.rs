//! What a proxy tells of itself: metrics as their table says, a line for each stream in each process, the dashboard and the rules that go with them, and the spans of a dial.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use serde_json::Value;
use support::{Cluster, Family, Process, Proxy, Target, get, installed, not_run, read_metrics, run, wait_for, warren};

const TEST: &str = "tests/telemetry.rs";
/// The table that people read.
const DOCUMENTED: &str = include_str!("../docs/metrics.md");

/// Name, type, labels and unit of each row.
fn documented() -> BTreeMap<String, (String, BTreeSet<String>, String)> {
    let rows = DOCUMENTED.lines().filter(|line| line.starts_with("| `warren_"));
    let rows = rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        assert_eq!(cells.len(), 5, "{row}");
        let labels = cells[2].split(',').map(|label| label.trim().trim_matches('`').to_owned()).filter(|label| label != "-");
        (cells[0].trim_matches('`').to_owned(), (cells[1].clone(), labels.collect(), cells[3].clone()))
    });
    rows.collect()
}

fn scrape(proxy: &Proxy) -> (String, BTreeMap<String, Family>) {
    let (status, text) = get(proxy.http_address(), "/metrics").expect("an answer");
    assert_eq!(status, 200, "{text}");
    let families = read_metrics(&text);
    (text, families)
}

/// The same metrics in the format before OpenMetrics, which `promtool check metrics` reads: there each sample has the name that it is described by.
fn classic(text: &str, families: &BTreeMap<String, Family>) -> String {
    let line = |line: &str| {
        let Some((word, rest)) = line.strip_prefix("# ").and_then(|rest| rest.split_once(' ')) else {
            return if line.starts_with('#') { String::new() } else { format!("{line}\n") };
        };
        let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        match (word, families[name].kind.as_str()) {
            ("UNIT", _) => String::new(),
            (_, "counter") => format!("# {word} {name}_total {rest}\n"),
            ("TYPE", "info") => format!("# TYPE {name}_info gauge\n"),
            (_, "info") => format!("# {word} {name}_info {rest}\n"),
            (..) => format!("{line}\n"),
        }
    };
    text.lines().map(line).collect()
}

/// Lines of the access log in what a process has logged.
fn access(log: &str) -> Vec<Value> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["target"] == "warren::access").collect()
}

#[test]
fn metrics_are_those_of_the_table_and_any_scraper_reads_them() {
    let cluster = Cluster::start_with(2, |proxy| {
        let file = proxy.data_dir().with_extension("audit.jsonl");
        proxy.configured(&format!("[audit]\noutput = {file:?}\n[ingress.socks5]\nlisten = \"127.0.0.1:0\"\n"))
    });
    let echo = Target::echo();
    let _agent = cluster.agent("lab-pi", &[1], &[("echo", echo.address().to_string())]);
    let client = cluster.client("laptop", "lab-pi/*");
    let owner = cluster.owner_of("lab-pi");
    let other = 1 - owner;
    for proxy in cluster.proxies() {
        assert_eq!(client.connect("lab-pi/echo", proxy, b"hello").must_succeed(), b"hello");
    }
    client.connect("lab-pi/nothing", cluster.proxy(other), b"").must_fail(4, "lab-pi/nothing");

    // What has no value yet has one after a look of the proxy at its links.
    let families = wait_for("the links have been looked at", || {
        let (_, families) = scrape(cluster.proxy(other));
        families.contains_key("warren_peer_packets_sent").then_some(families)
    });
    let table = documented();
    let shown: BTreeSet<_> = families.keys().collect();
    let told: BTreeSet<_> = table.keys().collect();
    assert_eq!(shown, told, "the table and what is shown differ: {:?}", shown.symmetric_difference(&told));
    for (name, family) in &families {
        let (kind, labels, unit) = &table[name];
        assert_eq!(&family.kind, kind, "{name}");
        assert!(family.unit.as_ref().is_none_or(|found| found == unit), "{name}: {:?}", family.unit);
        for (_, found, _) in &family.samples {
            let found: BTreeSet<_> = found.keys().filter(|label| *label != "le").cloned().collect();
            assert_eq!(&found, labels, "{name}");
        }
        assert!(family.samples.len() <= 100, "{name} has {} samples", family.samples.len());
    }

    // One went over the other's tunnel, and one over its own.
    let dials = |index: usize, labels: &[(&str, &str)]| scrape(cluster.proxy(index)).1["warren_dials"].sum("warren_dials_total", labels);
    assert_eq!((dials(other, &[("path", "peer")]), dials(other, &[("path", "local")])), (1.0, 0.0));
    assert_eq!((dials(owner, &[("path", "peer")]), dials(owner, &[("path", "local")])), (0.0, 1.0));
    assert_eq!(dials(other, &[("outcome", "service_unknown"), ("path", "none")]), 1.0);
    let stages = |index: usize, stage: &str| {
        scrape(cluster.proxy(index)).1["warren_dial_seconds"].sum("warren_dial_seconds_count", &[("stage", stage)])
    };
    assert_eq!((stages(other, "whole"), stages(other, "peer"), stages(owner, "owner"), stages(owner, "local")), (1.0, 1.0, 1.0, 1.0));
    assert!(families["warren_sent_bytes"].sum("warren_sent_bytes_total", &[]) >= 5.0);
    assert!(families["warren_process_resident_memory_bytes"].samples[0].2 > 1e6);
    assert_eq!(families["warren_proxy"].sum("warren_proxy_info", &[("proxy", cluster.proxy(other).name())]), 1.0);

    let (text, families) = scrape(cluster.proxy(0));
    match installed("promtool") {
        Some(promtool) => {
            let mut check = Command::new(promtool);
            check.args(["check", "metrics"]);
            run(check, classic(&text, &families).as_bytes()).must_succeed();
        }
        None => not_run(TEST, "not installed: promtool; a strict reader of our own has read the metrics"),
    }
}

#[test]
fn each_stream_has_one_line_in_each_process() {
    let cluster = Cluster::start(2);
    let echo = Target::echo();
    let agent = cluster.agent("lab-pi", &[1], &[("echo", echo.address().to_string())]);
    let client = cluster.client("laptop", "lab-pi/*");
    let owner = cluster.owner_of("lab-pi");
    let (owner, other) = (cluster.proxy(owner), cluster.proxy(1 - owner));
    assert_eq!(client.connect("lab-pi/echo", other, b"hello").must_succeed(), b"hello");
    client.connect("lab-pi/nothing", other, b"").must_fail(4, "lab-pi/nothing");

    let ingress = wait_for("the lines of the ingress", || Some(access(&other.log())).filter(|lines| lines.len() == 2));
    let carried = wait_for("the line of the owner", || Some(access(&owner.log())).filter(|lines| lines.len() == 1));
    let agent = wait_for("the line of the agent", || Some(access(&agent.log())).filter(|lines| lines.len() == 1));
    let (one, path) = (&ingress[0], format!("{},{}", other.name(), owner.name()));
    assert_eq!((&one["client"], &one["service"], &one["path"]), (&"laptop".into(), &"lab-pi/echo".into(), &path.into()));
    assert_eq!(agent[0]["path"], owner.name(), "the proxy that the tunnel leads to");
    for (line, role) in [(one, "ingress"), (&carried[0], "owner"), (&agent[0], "agent")] {
        assert_eq!(
            (&line["level"], &line["role"], &line["outcome"], &line["end"]),
            (&"INFO".into(), &role.into(), &"connected".into(), &"whole".into()),
            "{line}"
        );
        assert_eq!((&line["sent_bytes"], &line["received_bytes"], &line["trace"]), (&5.into(), &5.into(), &one["trace"]), "{line}");
        assert!(line["duration_ms"].is_u64() && !line.to_string().contains("127.0.0.1"), "no address: {line}");
    }
    assert!(ingress[1]["outcome"] != "connected" && ingress[1]["reason"].is_string() && ingress[1].get("end").is_none(), "{}", ingress[1]);
    let (log, trace) = (other.log(), one["trace"].as_str().expect("a trace"));
    let at_info = log.lines().filter(|line| line.contains(trace) && line.contains(r#""level":"INFO""#)).count();
    assert_eq!(at_info, 1, "nothing else at info tells of the stream");
}

#[test]
fn the_dashboard_and_the_rules_are_what_their_programs_read() {
    let dashboard = warren(&["generate", "dashboard"], b"").must_succeed();
    let dashboard: Value = serde_json::from_slice(&dashboard).expect("JSON");
    assert!(dashboard["panels"].as_array().is_some_and(|panels| panels.len() > 20));
    let rules = warren(&["generate", "dashboard", "--alerts"], b"").must_succeed();
    let home = tempfile::TempDir::new().expect("a directory");
    let file = home.path().join("rules.yaml");
    fs::write(&file, &rules).expect("a file");
    if let Some(python) = installed("python3") {
        let script = "import sys\ntry:\n import yaml\nexcept ImportError:\n print('none'); sys.exit()\n\
            groups = yaml.safe_load(open(sys.argv[1]))['groups']\nprint(sum('expr' in r and 'alert' in r and 'summary' in r['annotations'] for g in groups for r in g['rules']))";
        let mut command = Command::new(python);
        command.args(["-c", script]).arg(&file);
        let counted = run(command, b"").must_succeed();
        match std::str::from_utf8(&counted).map(str::trim) {
            Ok("none") => not_run(TEST, "not installed: PyYAML"),
            counted => assert!(counted.is_ok_and(|count| count.parse::<usize>().is_ok_and(|count| count >= 12)), "{counted:?}"),
        }
    }
    match installed("promtool") {
        Some(promtool) => {
            let mut check = Command::new(promtool);
            check.args(["check", "rules"]).arg(&file);
            run(check, b"").must_succeed();
        }
        None => not_run(TEST, "not installed: promtool; the rules were read as YAML only"),
    }
}

#[cfg(feature = "otlp")]
mod spans {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::support::Agent;

    /// Takes spans and keeps them.
    struct Collector {
        address: SocketAddr,
        spans: Arc<Mutex<Vec<Value>>>,
    }

    impl Collector {
        #[expect(clippy::disallowed_methods, reason = "a collector of the test")]
        fn start() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let (address, spans) = (listener.local_addr().expect("an address"), Arc::<Mutex<Vec<Value>>>::default());
            let kept = spans.clone();
            std::thread::spawn(move || listener.incoming().map_while(Result::ok).for_each(|stream| take(stream, &kept)));
            Self { address, spans }
        }

        fn of(&self, trace: &str) -> Vec<Value> {
            self.spans.lock().expect("the spans").iter().filter(|span| span["traceId"] == trace).cloned().collect()
        }
    }

    /// Takes one request; one that is broken off is nothing.
    fn take(stream: TcpStream, kept: &Mutex<Vec<Value>>) {
        let mut reader = BufReader::new(stream);
        let (mut line, mut length) = (String::new(), 0);
        while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            line.clear();
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        for resource in body["resourceSpans"].as_array().expect("resources") {
            let mut spans = resource["scopeSpans"][0]["spans"].as_array().expect("spans").clone();
            spans.iter_mut().for_each(|span| span["resource"] = resource["resource"].clone());
            kept.lock().expect("the spans").extend(spans);
        }
        let _ = write!(reader.get_mut(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}");
    }

    #[test]
    fn a_dial_over_two_proxies_is_one_tree() {
        let collector = Collector::start();
        let endpoint = format!("http://{}", collector.address);
        let cluster = Cluster::start_with(2, |proxy| proxy.configured(&format!("otlp = {endpoint:?}\n")));
        let (echo, token) = (Target::echo(), cluster.token("agent", &[]));
        let (entries, services) = ([cluster.proxy(1).public_address()], [("echo", echo.address().to_string())]);
        let variables = [("WARREN_TELEMETRY_OTLP", endpoint.as_str())];
        let _agent = Agent::start_with(cluster.home(), "lab-pi", &entries, &token, (&services, &variables));
        cluster.wait_online("lab-pi");
        let client = cluster.client("laptop", "lab-pi/*");
        let owner = cluster.owner_of("lab-pi");
        let (owner, other) = (cluster.proxy(owner), cluster.proxy(1 - owner));
        assert_eq!(client.connect("lab-pi/echo", other, b"hello").must_succeed(), b"hello");
        let line = wait_for("the line of the ingress", || access(&other.log()).into_iter().next());
        let trace = line["trace"].as_str().expect("a trace").to_owned();
        let spans = wait_for("all spans of the dial", || Some(collector.of(&trace)).filter(|spans| spans.len() >= 4));
        let named = |name: &str| spans.iter().find(|span| span["name"] == name).unwrap_or_else(|| panic!("{name}: {spans:?}"));
        let (dial, attempt, carry, connect) = (named("dial"), named("try"), named("carry"), named("connect"));
        assert!(dial.get("parentSpanId").is_none(), "{dial}");
        for (child, parent) in [(attempt, dial), (carry, attempt), (connect, carry)] {
            assert_eq!(child["parentSpanId"], parent["spanId"], "{child}");
            assert!(child["endTimeUnixNano"].as_str() >= child["startTimeUnixNano"].as_str());
        }
        let instance = |span: &Value| {
            let attributes = span["resource"]["attributes"].as_array().expect("attributes").clone();
            attributes.iter().find(|one| one["key"] == "service.instance.id").map(|one| one["value"]["stringValue"].clone())
        };
        let instances: Vec<_> = [dial, attempt, carry, connect].map(|span| instance(span).expect("a name")).into();
        assert_eq!(instances, [other.name(), other.name(), owner.name(), "lab-pi"]);
    }

    #[test]
    fn a_collector_that_is_away_holds_up_nobody() {
        let cluster = Cluster::start_with(1, |proxy| proxy.configured("otlp = \"http://127.0.0.1:9\"\n"));
        let echo = Target::echo();
        let _agent = cluster.agent("lab-pi", &[0], &[("echo", echo.address().to_string())]);
        let client = cluster.client("laptop", "lab-pi/*");
        for _ in 0..3 {
            assert_eq!(client.connect("lab-pi/echo", cluster.proxy(0), b"hello").must_succeed(), b"hello");
        }
    }
}

/// Whatever fails through `warren socks` is one line of JSON, with the service beside the log's own target.
#[test]
#[expect(clippy::disallowed_methods, reason = "a client is outside of warren")]
fn what_runs_on_a_client_s_machine_logs_lines_of_json() {
    let cluster = Cluster::start(1);
    let client = cluster.client("laptop", "lab-pi/*");
    let identity = client.identity().to_str().expect("a path");
    let words = ["socks", "--socks5", "0", "--http", "0", "--identity", identity];
    let mut socks = Process::start("socks", cluster.home(), &words, &[]);
    let http = socks.wait_for_line("http ").trim_start_matches("http ").to_owned();
    let mut door = TcpStream::connect(&http).expect("it listens");
    door.write_all(b"CONNECT nothing.lab-pi.warren:80 HTTP/1.1\r\nHost: nothing.lab-pi.warren:80\r\n\r\n").expect("it is sent");
    let mut answer = String::new();
    door.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    let log = wait_for("it is told of", || Some(socks.log()).filter(|log| log.contains("service_unknown")));
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert_eq!((&lines[0]["service"], &lines[0]["code"]), (&"lab-pi/nothing".into(), &"service_unknown".into()), "{log}");
    assert!(lines[0]["reason"].is_string() && log.matches("\"target\":").count() == 1, "one key of that name: {log}");
}
