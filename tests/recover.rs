//! A quorum that is lost for good: the README's own commands bring the cluster back from one survivor.

mod support;

use std::fs;
use std::path::Path;

use support::{Cluster, Ended, Ports, Proxy, Target, adapted, readme_commands, shell, wait_for, warren};
use tempfile::TempDir;

const HEADING: &str = "## When a quorum is lost for good";
/// The proxy that survives; the others are proxy-1 and proxy-3.
const SURVIVOR: usize = 1;

/// The commands of the README, in its order.
struct Told {
    look: String,
    recover: String,
    start: String,
    status: String,
    token: String,
    remove: String,
    join: String,
}

impl Told {
    fn read() -> Self {
        let commands = readme_commands(HEADING);
        let [look, recover, start, status, token, remove, join] =
            commands.try_into().unwrap_or_else(|commands| panic!("other commands than expected: {commands:#?}"));
        Self { look, recover, start, status, token, remove, join }
    }
}

/// A line of the README's as it is typed on the machine of `proxy`.
fn on(proxy: &Proxy, line: &str, entrance: &str) -> String {
    let (config, data_dir) = (proxy.config(), proxy.data_dir());
    let own = [
        ("config.toml", config.to_str().expect("text")),
        ("/var/lib/warren", data_dir.to_str().expect("text")),
        ("proxy-2.example.net:3024", entrance),
    ];
    adapted(line, &own)
}

/// What the survivor's command says.
fn asked(cluster: &Cluster, line: &str) -> Ended {
    shell(cluster.home(), &on(cluster.proxy(SURVIVOR), line, ""))
}

#[test]
fn a_survivor_brings_the_cluster_back() {
    let told = Told::read();
    let mut cluster = Cluster::start(3);
    let echo = Target::echo();
    let mut agent = cluster.agent("lab", &[0, 1, 2], &[("echo", echo.address().to_string())]);
    let client = cluster.client("laptop", "lab/*");
    let graveyard = TempDir::new().expect("a directory");
    for index in [0, 2] {
        cluster.proxy_mut(index).kill();
        let kept = graveyard.path().join(cluster.proxy(index).name());
        fs::rename(cluster.proxy(index).data_dir(), kept).expect("moved away");
    }
    status_says_so(&cluster);
    asked(&cluster, &told.recover).must_fail(1, "in use by another process");
    cluster.proxy_mut(SURVIVOR).stop();

    only_says_what_it_would_do(&cluster, &told);
    let recovered = asked(&cluster, &told.recover);
    assert_eq!(recovered.stderr, "");
    let said = String::from_utf8(recovered.must_succeed()).expect("text");
    assert!(said.contains("proxy-2 is a group of one") && said.contains("proxy-1 (id 1), proxy-3 (id 3)"), "{said}");
    asked(&cluster, &told.recover).must_fail(1, "the only voter of its group");

    let start = on(cluster.proxy(SURVIVOR), &told.start, "");
    cluster.proxy_mut(SURVIVOR).start_by(&start);
    cluster.proxy_mut(SURVIVOR).wait_ready();
    cluster.wait_online("lab");
    agent.process().must_run();
    assert_eq!(client.connect("lab/echo", cluster.proxy(SURVIVOR), b"hello").must_succeed(), b"hello");
    wait_for("the survivor is healthy", || (asked(&cluster, &told.status).status == Some(0)).then_some(()));

    let token = asked(&cluster, &told.token);
    assert_eq!(token.status, Some(0), "{token:?}");
    let entrance = cluster.proxy(SURVIVOR).public_address().to_string();
    for index in [0, 2] {
        shell(cluster.home(), &on(cluster.proxy(index), &told.remove, "")).must_succeed();
        let token = cluster.home().join("proxy.token");
        let join = on(cluster.proxy(index), &told.join, &entrance).replace("proxy.token", token.to_str().expect("text"));
        cluster.proxy_mut(index).start_by(&join);
        cluster.proxy_mut(index).wait_ready();
    }
    cluster.wait_healthy();
    cluster.wait_online("lab");
    for proxy in cluster.proxies() {
        assert_eq!(client.connect("lab/echo", proxy, b"hello").must_succeed(), b"hello");
    }
    an_old_proxy_stays_out(&cluster, graveyard.path());
}

fn status_says_so(cluster: &Cluster) {
    wait_for("the status names the way out", || {
        let status = cluster.proxy(SURVIVOR).status()?;
        let problem = status["problems"].as_array()?.iter().find(|problem| problem["code"] == "no_quorum")?;
        problem["hint"].as_str()?.contains("`warren raft recover`").then_some(())
    });
}

fn only_says_what_it_would_do(cluster: &Cluster, told: &Told) {
    let first = asked(cluster, &told.look);
    first.must_fail(2, "nothing was changed: this wants `--yes`");
    let said = String::from_utf8_lossy(&first.stdout).into_owned();
    for part in ["proxy-2 would become a group of one", "1 agent, 1 client", "leave the cluster", "is lost"] {
        assert!(said.contains(part), "`{part}` is not in {said}");
    }
    assert_eq!(asked(cluster, &told.look), first, "it changes nothing");
    let json = asked(cluster, &format!("{} -o json", told.look));
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!((&json["done"], &json["name"], &json["role"]), (&false.into(), &"proxy-2".into(), &"voter".into()));
    assert_eq!(json["dropped"], serde_json::json!([{"id": 1, "name": "proxy-1"}, {"id": 3, "name": "proxy-3"}]));
}

/// The first proxy of the lost group is started with the data it had.
fn an_old_proxy_stays_out(cluster: &Cluster, graveyard: &Path) {
    let before = cluster.proxy(SURVIVOR).status().expect("an answer");
    let mut old = Proxy::new(graveyard, 1);
    old.restart(Ports::Fresh);
    let (status, log) = old.wait_ended();
    assert!(status == Some(5) && log.contains("error: this proxy was removed from the cluster"), "{status:?}: {log}");
    let after = cluster.proxy(SURVIVOR).status().expect("an answer");
    assert_eq!((&after["term"], &after["healthy"]), (&before["term"], &true.into()), "{after:#}");
    let ids =
        |status: &serde_json::Value| status["proxies"].as_array().expect("proxies").iter().map(|row| row["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&after), ids(&before));
}

#[test]
fn what_cannot_be_recovered_says_why() {
    let home = TempDir::new().expect("a directory");
    let mut proxy = Proxy::new(home.path(), 1);
    proxy.start();
    proxy.wait_ready();
    proxy.stop();
    let config = proxy.config();
    let words = ["raft", "recover", "--yes", "--config", config.to_str().expect("text")];
    warren(&words, b"").must_fail(1, "the only voter of its group");
    proxy.start();
    proxy.wait_ready();
    proxy.stop();

    let database = proxy.data_dir().join("store/db");
    let whole = fs::read(&database).expect("the database");
    fs::write(&database, vec![0x55; whole.len()]).expect("damaged");
    let damaged = warren(&words, b"");
    damaged.must_fail(1, proxy.data_dir().join("store").to_str().expect("text"));
    fs::remove_dir_all(proxy.data_dir().join("store")).expect("removed");
    warren(&words, b"").must_fail(1, "holds no cluster");
    assert!(!proxy.data_dir().join("store").exists(), "looking makes nothing");
    fs::remove_dir_all(proxy.data_dir()).expect("removed");
    warren(&words, b"").must_fail(1, "there is no member's data");
    assert!(!proxy.data_dir().exists(), "looking makes nothing");
}
