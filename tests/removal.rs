//! A proxy is taken out of the cluster, by the README's own commands: dead or alive, leader, follower or learner, and the one that is asked.

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{Cluster, Ended, Ports, Proxy, Target, adapted, readme_commands, shell, took, wait_for, warren};
use tokio::time::Instant;

const HEADING: &str = "## Taking a proxy out of the cluster";

/// The commands of the README, in its order.
struct Told {
    list: String,
    look: String,
    remove: String,
    token: String,
    empty: String,
    join: String,
}

impl Told {
    fn read() -> Self {
        let commands = readme_commands(HEADING);
        let [list, look, remove, again, token, empty, join] =
            commands.try_into().unwrap_or_else(|commands| panic!("other commands than expected: {commands:#?}"));
        assert_eq!(list, again);
        Self { list, look, remove, token, empty, join }
    }
}

/// Runs a line of the README's on the machine of `proxy`, about the proxy `name`.
fn on(home: &Path, proxy: &Proxy, name: &str, line: &str) -> Ended {
    shell(home, &ours(proxy, name, line))
}

fn ours(proxy: &Proxy, name: &str, line: &str) -> String {
    let (config, data_dir) = (proxy.config(), proxy.data_dir());
    // The name first: it may be part of the paths.
    let own = [("proxy-3", name), ("config.toml", config.to_str().expect("text")), ("/var/lib/warren", data_dir.to_str().expect("text"))];
    adapted(line, &own)
}

/// The names of the proxies that `proxy` knows of.
fn names(proxy: &Proxy) -> Vec<String> {
    let status = proxy.status();
    let rows = status.iter().flat_map(|status| status["proxies"].as_array().expect("proxies"));
    rows.map(|row| row["name"].as_str().expect("a name").to_owned()).collect()
}

fn voters(proxy: &Proxy) -> Option<u64> {
    proxy.status()?["voters"].as_u64()
}

/// The process of a removed proxy ends with a clear error, and so does the next one on its data directory.
fn ends_as_removed(proxy: &mut Proxy) {
    let (status, log) = proxy.wait_ended();
    assert_eq!(status, Some(5), "{log}");
    for part in ["error: this proxy was removed from the cluster", "hint: to join again as a new proxy, empty `"] {
        assert!(log.contains(part), "`{part}` is not in {log}");
    }
    let config = proxy.config();
    let again = warren(&["proxy", "--config", config.to_str().expect("text")], b"");
    again.must_fail(5, "this proxy was removed from the cluster");
}

/// Removes a proxy by the README's command on the machine of the proxy with index `by`, and expects it to be gone.
fn remove(cluster: &Cluster, by: usize, name: &str) {
    let (told, proxy) = (Told::read(), cluster.proxy(by));
    let looked = on(cluster.home(), proxy, name, &told.look);
    looked.must_fail(2, &format!("nothing was changed: this would take proxy `{name}`"));
    assert!(looked.stderr.contains(" would remain, of which "), "{looked:?}");
    assert!(names(proxy).contains(&name.to_owned()));
    let begun = Instant::now();
    let removed = on(cluster.home(), proxy, name, &told.remove);
    took("a proxy was removed", begun);
    let said = String::from_utf8(removed.clone().must_succeed()).expect("text");
    assert!(said.contains("has left the cluster"), "{removed:?}");
    let listed = String::from_utf8(on(cluster.home(), proxy, name, &told.list).must_succeed()).expect("text");
    assert!(!listed.contains(name), "{listed}");
}

#[test]
fn a_dead_proxy_is_removed_and_its_machine_joins_again() {
    let told = Told::read();
    let mut cluster = Cluster::start(3);
    let dead = (cluster.leader() + 1) % 3;
    let by = (dead + 1) % 3;
    let name = cluster.proxy(dead).name().to_owned();
    cluster.proxy_mut(dead).kill();
    remove(&cluster, by, &name);
    wait_for("the others go on", || (voters(cluster.proxy(by)) == Some(2)).then_some(()));

    // It comes back with what it had, and is told.
    cluster.proxy_mut(dead).restart(Ports::Same);
    ends_as_removed(cluster.proxy_mut(dead));
    let file = cluster.home().join("proxy.token");
    on(cluster.home(), cluster.proxy(by), &name, &told.token).must_succeed();
    on(cluster.home(), cluster.proxy(dead), &name, &told.empty).must_succeed();
    let entrance = cluster.proxy(by).public_address().to_string();
    let join = ours(cluster.proxy(dead), &name, &told.join);
    let join = adapted(&join, &[("proxy-1.example.net:3024", &entrance), ("proxy.token", file.to_str().expect("text"))]);
    cluster.proxy_mut(dead).start_by(&join);
    cluster.wait_healthy();
    let status = cluster.proxy(by).status().expect("an answer");
    let row = status["proxies"].as_array().expect("proxies").iter().find(|row| row["name"] == name.as_str()).expect("it is back");
    assert_eq!(row["id"], 4, "its name is free again, its id never");
}

#[test]
fn a_live_follower_is_removed_with_its_tunnels() {
    let mut cluster = Cluster::start(3);
    let echo = Target::echo();
    let leader = cluster.leader();
    let follower = (leader + 1) % 3;
    let mut agent = cluster.agent("lab", &[follower], &[("echo", echo.address().to_string())]);
    let client = cluster.client("laptop", "*/*");
    let name = cluster.proxy(follower).name().to_owned();
    remove(&cluster, leader, &name);
    ends_as_removed(cluster.proxy_mut(follower));
    let stays = [leader, (leader + 2) % 3];
    wait_for("the agent is elsewhere", || {
        let ended = client.connect("lab/echo", cluster.proxy(stays[1]), b"hello");
        (ended.status == Some(0) && ended.stdout == b"hello").then_some(())
    });
    agent.process().must_run();
    for index in stays {
        assert!(!names(cluster.proxy(index)).contains(&name));
        cluster.proxy_mut(index).must_run();
    }
}

#[test]
fn the_leader_is_removed() {
    let mut cluster = Cluster::start(3);
    let leader = cluster.leader();
    let (name, by) = (cluster.proxy(leader).name().to_owned(), (leader + 1) % 3);
    let term = cluster.proxy(by).status().expect("an answer")["term"].as_u64().expect("a term");
    remove(&cluster, by, &name);
    let status = cluster.proxy(by).status().expect("an answer");
    assert_eq!((status["term"].as_u64(), &status["voters"]), (Some(term + 1), &2.into()), "it has handed over: {status:#}");
    ends_as_removed(cluster.proxy_mut(leader));
    cluster.create_token("client", &[]);
}

#[test]
fn one_of_two_is_removed_and_the_last_is_not() {
    let mut cluster = Cluster::start(2);
    remove(&cluster, 0, "proxy-2");
    ends_as_removed(cluster.proxy_mut(1));
    wait_for("a group of one", || (voters(cluster.proxy(0)) == Some(1)).then_some(()));
    cluster.create_token("client", &[]);
    let last = on(cluster.home(), cluster.proxy(0), "proxy-1", &Told::read().remove);
    last.must_fail(1, "proxy `proxy-1` was not removed: it is the only proxy");
    assert!(last.stderr.contains("hint: to end the cluster, stop it"), "{last:?}");
    let looked = on(cluster.home(), cluster.proxy(0), "proxy-1", &Told::read().look);
    assert_eq!((looked.status, looked.stderr), (last.status, last.stderr), "it promises nothing that is then refused");
    cluster.proxy_mut(0).must_run();
}

#[test]
fn a_learner_and_the_proxy_that_is_asked_are_removed() {
    let mut cluster = Cluster::start(3);
    let token = cluster.token("proxy", &[]);
    let mut learner = Proxy::new(cluster.home(), 4);
    learner.join(cluster.proxy(0).public_address(), &token);
    learner.wait_ready();
    remove(&cluster, 0, "proxy-4");
    ends_as_removed(&mut learner);

    let asked = (cluster.leader() + 1) % 3;
    let name = cluster.proxy(asked).name().to_owned();
    let removed = on(cluster.home(), cluster.proxy(asked), &name, &Told::read().remove);
    let said = String::from_utf8(removed.must_succeed()).expect("text");
    assert!(said.contains("is removed and is about to leave the cluster"), "{said}");
    ends_as_removed(cluster.proxy_mut(asked));
    let other = cluster.proxy((asked + 1) % 3);
    wait_for("it is gone", || (!names(other).contains(&name)).then_some(()));
}

#[test]
fn what_must_not_be_removed_is_refused() {
    let mut cluster = Cluster::start(3);
    let told = Told::read();
    let leader = cluster.leader();
    let [live, dead] = [(leader + 1) % 3, (leader + 2) % 3];
    let unknown = on(cluster.home(), cluster.proxy(leader), "nobody", &told.remove);
    unknown.must_fail(4, "there is no proxy `nobody`");
    assert!(unknown.stderr.contains("hint: `warren proxies ls` lists them"), "{unknown:?}");
    on(cluster.home(), cluster.proxy(leader), "nobody", &told.look).must_fail(4, "there is no proxy `nobody`");

    cluster.proxy_mut(dead).kill();
    let name = cluster.proxy(live).name().to_owned();
    let refused = on(cluster.home(), cluster.proxy(leader), &name, &told.remove);
    refused.must_fail(1, "only 1 of the 2 voters that would be left is up");
    let looked = on(cluster.home(), cluster.proxy(leader), &name, &told.look);
    looked.must_fail(1, "only 1 of the 2 voters that would be left is up");
    cluster.create_token("client", &[]);

    cluster.proxy_mut(live).kill();
    let lost = on(cluster.home(), cluster.proxy(leader), &name, &told.remove);
    // By then it may know that it has lost its lease.
    assert!(lost.stderr.contains("the removal is not confirmed") || lost.stderr.contains("nothing was changed"), "{lost:?}");
    lost.must_fail(6, "`warren raft recover`");
    nothing_is_tried(&cluster, leader, &name, &told);
    fs::metadata(cluster.proxy(leader).data_dir().join("removed")).expect_err("it stays");
    cluster.proxy_mut(leader).must_run();
}

/// A proxy that knows that there is no quorum says so, and waits no longer than an election takes.
fn nothing_is_tried(cluster: &Cluster, alone: usize, name: &str, told: &Told) {
    let proxy = cluster.proxy(alone);
    wait_for("it knows that it has lost its lease", || {
        let status = proxy.status()?;
        status["proxies"].as_array()?.iter().any(|row| row["name"] == proxy.name() && row["state"] == "isolated").then_some(())
    });
    for line in [&told.remove, &told.look] {
        let refused = on(cluster.home(), proxy, name, line);
        refused.must_fail(6, "error: nothing was changed: there is no quorum");
        for part in ["1 of 3 voters is up", "hint: start the proxies that are down", "`warren raft recover`"] {
            assert!(refused.stderr.contains(part), "`{part}` is not in {}", refused.stderr);
        }
    }
    let config = proxy.config();
    let created = warren(&["token", "create", "--role", "agent", "--config", config.to_str().expect("text")], b"");
    created.must_fail(6, "nothing was changed: there is no quorum");
}

#[test]
fn proxies_are_listed_and_shown() {
    let cluster = Cluster::start(2);
    let listed: Value = cluster.run_at(cluster.proxy(0), &["proxies", "ls", "-o", "json"]);
    assert_eq!((&listed["schema"], listed["proxies"].as_array().map(Vec::len)), (&1.into(), Some(2)));
    let shown: Value = cluster.run_at(cluster.proxy(1), &["proxies", "show", "proxy-2", "-o", "json"]);
    assert_eq!((&shown["proxy"]["name"], &shown["proxy"]["state"]), (&"proxy-2".into(), &"healthy".into()));
    let config = cluster.proxy(0).config();
    warren(&["proxies", "show", "nobody", "--config", config.to_str().expect("text")], b"").must_fail(4, "there is no proxy `nobody`");
}
