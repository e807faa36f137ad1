//! What a cluster has acknowledged is still there after all of its processes have ended, in whatever way, and started again.

mod support;

use std::fs;

use serde_json::Value;
use support::{Cluster, Ports, Target, wait_for};

/// What must be the same after a restart, as the proxy with this index shows it.
fn lasting(cluster: &Cluster, index: usize) -> Value {
    let proxy = cluster.proxy(index);
    let mut agents = proxy.get("/v1/agents").expect("an answer");
    for agent in agents["agents"].as_array_mut().expect("agents") {
        // When and where it was last seen is what a restart changes.
        for key in ["last_seen", "proxies"] {
            agent.as_object_mut().expect("an agent").remove(key);
        }
    }
    let status = proxy.status().expect("an answer");
    let rows = status["proxies"].as_array().expect("proxies").iter();
    let proxies: Vec<_> = rows.map(|row| [&row["id"], &row["name"], &row["role"], &row["peer_address"]].map(Value::clone)).collect();
    serde_json::json!([status["cluster"], proxies, agents, proxy.get("/v1/tokens").expect("an answer")])
}

/// The part of a token that names the cluster's authority.
fn authority(cluster: &Cluster) -> String {
    let created = cluster.create_token("client", &[]);
    created["token"].as_str().and_then(|token| token.split('_').nth(1)).expect("a fingerprint").to_owned()
}

#[test]
fn everything_acknowledged_survives_the_end_of_all_processes() {
    let mut cluster = Cluster::start(3);
    let echo = Target::echo();
    let mut agent = cluster.agent("lab", &[0, 1, 2], &[("echo", echo.address().to_string())]);
    let client = cluster.client("laptop", "lab/*");
    let unused = cluster.token("client", &["--allow", "lab/echo"]);
    let (before, authority_before) = (lasting(&cluster, 0), authority(&cluster));
    let revoked = cluster.create_token("client", &[]);
    cluster.run_at(cluster.proxy(1), &["token", "revoke", revoked["id"].as_str().expect("an id"), "-o", "json"]);
    // What was acknowledged last must be there too: nothing has had the time to settle.
    let last = cluster.create_token("agent", &["--name", "the-last"]);
    cluster.kill_all();
    cluster.restart_all();
    cluster.wait_online("lab");
    agent.process().must_run();
    let tokens = |index: usize| cluster.proxy(index).get("/v1/tokens").expect("an answer")["tokens"].as_array().expect("tokens").clone();
    let state = |id: &Value| tokens(2).iter().find(|row| row["id"] == *id).map(|row| row["state"].clone()).expect("the token");
    assert_eq!((state(&last["id"]), state(&revoked["id"])), ("valid".into(), "revoked".into()));
    assert_eq!(authority(&cluster), authority_before);
    contains(&lasting(&cluster, 0), &before);

    let before = lasting(&cluster, 0);
    cluster.stop_all();
    cluster.restart_all();
    cluster.wait_online("lab");
    for index in 0..3 {
        wait_for("all proxies show what there was", || (lasting(&cluster, index) == before).then_some(()));
    }
    // Identities and a token that were given out before are as good as ever.
    for proxy in cluster.proxies() {
        assert_eq!(client.connect("lab/echo", proxy, b"hello").must_succeed(), b"hello");
    }
    let late = support::Client::enroll(cluster.home(), "late", cluster.proxy(2).public_address(), &unused);
    assert_eq!(late.connect("lab/echo", cluster.proxy(1), b"late").must_succeed(), b"late");
    agent.process().must_run();
}

/// Everything but the tokens is the same; of those none is missing.
fn contains(now: &Value, before: &Value) {
    for part in 0..3 {
        assert_eq!(now[part], before[part]);
    }
    let tokens = now[3]["tokens"].as_array().expect("tokens");
    for token in before[3]["tokens"].as_array().expect("tokens") {
        assert!(tokens.contains(token), "{token} is not in {tokens:#?}");
    }
}

#[test]
fn a_proxy_may_come_back_at_other_ports() {
    let mut cluster = Cluster::start(3);
    let echo = Target::echo();
    let _agent = cluster.agent("lab", &[1], &[("echo", echo.address().to_string())]);
    let client = cluster.client("laptop", "*/*");
    // The leader and a follower, one after the other; the group goes on while one of them is away.
    for index in [cluster.leader(), 2, 0] {
        let peer_before = cluster.proxy(index).peer_address();
        cluster.proxy_mut(index).kill();
        cluster.proxy_mut(index).restart(Ports::Fresh);
        cluster.wait_healthy();
        assert_ne!(cluster.proxy(index).peer_address(), peer_before);
        cluster.wait_online("lab");
        for proxy in cluster.proxies() {
            assert_eq!(client.connect("lab/echo", proxy, b"hello").must_succeed(), b"hello");
        }
    }
    assert!(fs::exists(cluster.proxy(0).data_dir().join("member.json")).expect("a directory"));
}
