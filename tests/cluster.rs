//! A cluster of three proxies, one agent at one of them: every proxy is an entrance to it, and all of them say the same.

mod support;

use std::thread;

use serde_json::Value;
use support::{Client, Cluster, Target, exchange, random_bytes, wait_for};

const MIB: usize = 1 << 20;

#[test]
fn every_proxy_is_an_entrance() {
    let cluster = Cluster::start(3);
    let echo = Target::echo();
    let _agent = cluster.agent("lab", &[1], &[("echo", echo.address().to_string())]);
    assert_eq!(cluster.owner_of("lab"), 1, "an agent stays where it entered");
    let client = cluster.client("laptop", "lab/*");
    let bytes = random_bytes(1, 4 * MIB);
    for (index, proxy) in cluster.proxies().iter().enumerate() {
        let connected = client.connect("lab/echo", proxy, &bytes);
        assert_eq!(connected.stderr, "", "{}", proxy.name());
        assert!(connected.must_succeed() == bytes, "connect through {}", proxy.name());
        let by_port = client.connect(&format!("lab:{}", echo.address().port()), proxy, b"by port");
        assert_eq!(by_port.must_succeed(), b"by port");
        assert_eq!(client.connect("any/echo", proxy, b"any").must_succeed(), b"any");

        let forward = client.forward(proxy.name(), "lab/echo", &[proxy.public_address()]);
        assert!(exchange(&forward.connect(), &bytes).expect("a whole stream") == bytes, "forward through {}", proxy.name());
        thread::scope(|scope| {
            for stream in 0..16 {
                let forward = &forward;
                scope.spawn(move || {
                    let bytes = random_bytes(index as u64 * 100 + stream, 300_000 + 1000 * stream as usize);
                    assert!(exchange(&forward.connect(), &bytes).expect("a whole stream") == bytes, "stream {stream}");
                });
            }
        });
    }
    agree(&cluster, echo.address().to_string().as_str());
    the_identity_knows_the_way(&client);
}

/// What `enroll` learned is enough for a dial.
fn the_identity_knows_the_way(client: &Client) {
    let identity = client.identity().to_str().expect("a path");
    assert_eq!(support::warren(&["connect", "lab/echo", "--identity", identity], b"home").must_succeed(), b"home");
}

/// Every proxy shows the same, in the shape that programs rely on.
fn agree(cluster: &Cluster, target: &str) {
    cluster.create_token("client", &["--name", "guest-*", "--allow", "lab/echo", "--uses", "3"]);
    let applied = |index: usize| cluster.proxy(index).get("/v1/raft").expect("an answer")["applied_index"].clone();
    wait_for("all proxies have applied the same entries", || (applied(0) == applied(1) && applied(1) == applied(2)).then_some(()));
    let shown: Vec<Vec<Value>> = cluster
        .proxies()
        .iter()
        .map(|proxy| {
            [&["agents", "ls"][..], &["routes", "ls"], &["token", "ls"]]
                .map(|words| cluster.run_at(proxy, &[words, &["-o", "json"]].concat()))
                .to_vec()
        })
        .collect();
    assert!(shown.iter().all(|views| *views == shown[0]), "{shown:#?}");
    let [agents, routes, tokens] = shown[0].as_slice() else { unreachable!("three views") };

    assert_eq!(keys(agents), ["agents", "schema"]);
    let lab = &agents["agents"][0];
    assert_eq!(keys(lab), ["allow", "last_seen", "name", "online", "proxies", "services", "version"]);
    assert_eq!((&lab["name"], &lab["online"], &lab["proxies"]), (&"lab".into(), &true.into(), &serde_json::json!(["proxy-2"])));
    assert_eq!(lab["services"], serde_json::json!([{"name": "echo", "target": target, "kind": "tcp"}]));
    assert_eq!(keys(routes), ["applied_index", "routes", "schema"]);
    assert_eq!(keys(&routes["routes"][0]), ["agent", "epoch", "proxy", "sequence", "since"]);
    assert_eq!((&routes["routes"][0]["agent"], &routes["routes"][0]["proxy"]), (&"lab".into(), &"proxy-2".into()));
    let tokens = tokens["tokens"].as_array().expect("tokens");
    // Two proxies, an agent and a client have used theirs, the last one waits for its guests.
    let states: Vec<_> = tokens.iter().map(|token| token["state"].as_str().expect("a state")).collect();
    assert_eq!((states.iter().filter(|state| **state == "used").count(), states.len()), (4, 5), "{states:?}");
    assert!(tokens.iter().all(|token| token.get("secret").is_none() && token.get("token").is_none()));
    statuses(cluster);
}

fn statuses(cluster: &Cluster) {
    for proxy in cluster.proxies() {
        let status = cluster.run_at(proxy, &["status", "-o", "json"]);
        let expected = [
            "agents",
            "agents_offline",
            "cluster",
            "committed_index",
            "feature_level",
            "healthy",
            "last_offline",
            "leader",
            "problems",
            "proxies",
            "routes",
            "schema",
            "strategy",
            "term",
            "tolerates",
            "voters",
            "voters_up",
        ];
        assert_eq!(keys(&status), expected);
        let counts = ["schema", "voters", "voters_up", "tolerates", "agents", "routes"].map(|key| status[key].as_u64().expect("a number"));
        assert_eq!(counts, [1, 3, 3, 1, 1, 1], "{status:#}");
        assert_eq!((&status["healthy"], &status["problems"]), (&true.into(), &serde_json::json!([])), "{status:#}");
        assert_eq!(status["strategy"], serde_json::json!({"type": "proxy_peering", "agent_connection_count": 1}));
        let rows = status["proxies"].as_array().expect("proxies");
        let ids: Vec<_> = rows.iter().map(|row| row["id"].as_u64().expect("an id")).collect();
        assert_eq!(ids, [1, 2, 3]);
        let expected = [
            "agents",
            "certificate",
            "drain",
            "epoch",
            "feature_level",
            "id",
            "ingress",
            "joining",
            "lag_entries",
            "leader",
            "name",
            "peer_address",
            "public_addresses",
            "role",
            "rtt_ms",
            "state",
            "streams",
            "tunnels",
            "version",
        ];
        for row in rows {
            assert_eq!(keys(row), expected);
            assert_eq!((&row["role"], &row["state"]), (&"voter".into(), &"healthy".into()));
            assert_eq!(row["leader"], Value::Bool(row["name"] == status["leader"]));
        }
        is_told_by_http(proxy);
    }
}

fn is_told_by_http(proxy: &support::Proxy) {
    let (code, body) = support::get(proxy.http_address(), "/readyz").expect("an answer");
    assert_eq!((code, body.trim()), (200, "ready"));
    assert_eq!(support::get(proxy.http_address(), "/v1/tokens").expect("an answer").0, 404, "tokens are for operators");
    let (code, metrics) = support::get(proxy.http_address(), "/metrics").expect("an answer");
    assert!(code == 200 && metrics.contains("# TYPE warren_") && metrics.ends_with("# EOF\n"), "{metrics}");
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}
