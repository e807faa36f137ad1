//! A client knows several proxies: it enters by the nearest, and by another one when that is lost.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use serde_json::Value;
use support::{Client, Cluster, Dialling, Forward, Ports, Target, exchange, mute_port, wait_for, warren};

/// What is far away: more than a busy machine adds.
const FAR: Duration = Duration::from_millis(150);

/// The proxy by which a client enters that is given these addresses.
fn entrance(client: &Client, addresses: &[String]) -> String {
    let identity = client.identity().to_str().expect("a path");
    let words = ["ping", "lab/echo", "--identity", identity, "--proxy", &addresses.join(","), "-c", "1", "-o", "json"];
    let view = warren(&words, b"").json();
    view["replies"][0]["path"][0].as_str().expect("a proxy").to_owned()
}

#[test]
fn the_nearest_proxy_is_the_entrance_whatever_the_order() {
    let cluster = Cluster::start_with(3, |proxy| proxy.behind_relays());
    let echo = Target::echo();
    let _agent = cluster.agent("lab", &[0], &[("echo", echo.address().to_string())]);
    let addresses: Vec<_> = cluster.proxies().iter().map(|proxy| proxy.public_address().to_string()).collect();
    for near in [2, 0] {
        // Whoever has measured before would believe that for a while.
        let clients = ["forward", "backward"].map(|name| cluster.client(&format!("{name}-{near}"), "*/*"));
        for (index, proxy) in cluster.proxies().iter().enumerate() {
            proxy.public_relay().delay(if index == near { Duration::ZERO } else { FAR });
        }
        let backward: Vec<_> = addresses.iter().rev().cloned().collect();
        for (client, addresses) in clients.iter().zip([&addresses, &backward]) {
            for _ in 0..3 {
                assert_eq!(entrance(client, addresses), cluster.proxy(near).name(), "{addresses:?}");
            }
        }
    }
    // What was measured is looked at again when it does not hold any more.
    let mover = cluster.client("mover", "*/*");
    assert_eq!(entrance(&mover, &addresses), "proxy-1");
    for (index, proxy) in cluster.proxies().iter().enumerate() {
        proxy.public_relay().delay(if index == 1 { Duration::ZERO } else { FAR });
    }
    wait_for("it has noticed that it is elsewhere", || (entrance(&mover, &addresses) == "proxy-2").then_some(()));
}

/// Uses a forward until it works.
fn must_work(forward: &Forward, what: &str) {
    let answer = || exchange(&forward.try_connect().ok()?, b"hello").ok().filter(|bytes| bytes == b"hello");
    wait_for(what, answer);
}

#[test]
fn several_forwarded_ports_outlive_their_proxy_and_all_of_them() {
    let mut cluster = Cluster::start(3);
    let echos = [Target::echo(), Target::echo()];
    let services: Vec<_> = ["one", "two"].into_iter().zip(&echos).map(|(name, echo)| (name, echo.address().to_string())).collect();
    let _agent = cluster.agent("lab", &[0, 1, 2], &services);
    let client = cluster.client("laptop", "*/*");
    client.limit_dials("5s");
    let addresses: Vec<_> = cluster.proxies().iter().map(|proxy| proxy.public_address()).collect();
    let mut forwards = client.forwards("several", &["lab/one".to_owned(), "lab/two".to_owned()], &addresses);
    // Whichever it has entered by is among those that are lost one after the other.
    for lost in 0..3 {
        forwards.iter().for_each(|forward| must_work(forward, "each port works"));
        cluster.proxy_mut(lost).kill();
        forwards.iter().for_each(|forward| must_work(forward, "each port works while one proxy is away"));
        cluster.proxy_mut(lost).restart(Ports::Same);
        cluster.wait_healthy();
    }
    cluster.stop_all();
    for forward in &forwards {
        let refused = || exchange(&forward.try_connect().ok()?, b"hello").is_err().then_some(());
        wait_for("a dial that comes to nothing is a reset", refused);
    }
    cluster.restart_all();
    cluster.wait_online("lab");
    forwards.iter().for_each(|forward| must_work(forward, "each port works again"));
    forwards[0].process().must_run();
}

fn names(of: &[&str]) -> BTreeSet<String> {
    of.iter().map(ToString::to_string).collect()
}

/// A client that enrolled when there was one proxy.
#[test]
fn a_client_learns_of_proxies_that_came_later_with_its_next_command() {
    let mut cluster = Cluster::start(1);
    let echo = Target::echo();
    let client = cluster.client("laptop", "*/*");
    let known = || {
        let told: Value = serde_json::from_slice(&fs::read(client.identity().join("proxies.json")).expect("it is kept")).expect("JSON");
        told.as_array().expect("a list").iter().map(|proxy| proxy["name"].as_str().expect("a name").to_owned()).collect::<BTreeSet<_>>()
    };
    assert_eq!(known(), names(&["proxy-1"]));
    cluster.add(|proxy| proxy);
    cluster.add(|proxy| proxy);
    cluster.wait_healthy();
    let _agent = cluster.agent("lab", &[1, 2], &[("echo", echo.address().to_string())]);
    let identity = client.identity().to_str().expect("a path");
    let ping = || warren(&["ping", "lab/echo", "--identity", identity, "-c", "1", "-o", "json"], b"").json();
    assert_eq!(ping()["received"], 1);
    // Which of the two joined first is open, and their ids with it.
    assert_eq!(known(), names(&["proxy-1", "proxy-2", "proxy-3"]), "that command has learned it for the next one");
    cluster.proxy_mut(0).kill();
    assert_eq!(ping()["received"], 1, "without the only proxy that it knew when it enrolled");
}

/// A forward that runs on while every proxy is replaced that it knew when it began.
#[test]
fn a_forward_learns_of_proxies_that_came_later() {
    let mut cluster = Cluster::start(1);
    let echo = Target::echo();
    let client = cluster.client("laptop", "*/*");
    cluster.add(|proxy| proxy);
    cluster.add(|proxy| proxy);
    cluster.wait_healthy();
    let _agent = cluster.agent("lab", &[1, 2], &[("echo", echo.address().to_string())]);
    let forward = client.forward("lasting", "lab/echo", &[]);
    must_work(&forward, "it works");
    cluster.proxy_mut(0).kill();
    must_work(&forward, "it works by a proxy that it has learned of");
}

/// Whoever had to go far away comes back, without being started anew.
#[test]
fn a_forward_comes_back_to_the_nearest_proxy() {
    let mut cluster = Cluster::start_with(3, |proxy| proxy.behind_relays());
    let echo = Target::echo();
    let _agent = cluster.agent("lab", &[2], &[("echo", echo.address().to_string())]);
    let client = cluster.client("laptop", "*/*");
    let addresses: Vec<_> = cluster.proxies().iter().map(|proxy| proxy.public_address()).collect();
    cluster.proxies()[1..].iter().for_each(|proxy| proxy.public_relay().delay(FAR));
    let forward = client.forward("roaming", "lab/echo", &addresses);
    let carried = |cluster: &Cluster| cluster.proxy(0).log().matches("\"dial connected\"").count();
    must_work(&forward, "it works");
    assert!(carried(&cluster) > 0, "by the nearest");
    cluster.proxy_mut(0).kill();
    must_work(&forward, "it works from far away");
    cluster.proxy_mut(0).restart(Ports::Same);
    cluster.wait_healthy();
    let before = carried(&cluster);
    wait_for("it is back", || {
        must_work(&forward, "it works all the time");
        (carried(&cluster) > before).then_some(())
    });
}

/// How many dials have entered by a proxy and connected.
fn carried(cluster: &Cluster, index: usize) -> usize {
    cluster.proxy(index).log().matches("\"dial connected\"").count()
}

/// It says that it goes, and waits for those that are on their way in.
#[test]
fn no_dial_is_lost_where_the_proxy_that_it_enters_by_is_stopped() {
    let mut cluster = Cluster::start_with(3, |proxy| proxy.draining_for("20s"));
    let echo = Target::echo();
    let _agent = cluster.agent("lab", &[0, 1, 2], &[("echo", echo.address().to_string())]);
    let forward = |name: &str| cluster.client(name, "*/*").forward(name, "lab/echo", &[]);
    let dials = ["one", "two", "three"].map(forward).map(Dialling::start);
    // Whichever they enter by is among them.
    for round in 0..6 {
        let index = round % 3;
        cluster.proxy_mut(index).stop();
        dials.iter().for_each(|dialling| dialling.wait_for_more(3));
        let log = cluster.proxy(index).log();
        assert!(!log.contains("were cut"), "{log}");
        cluster.proxy_mut(index).restart(Ports::Same);
        cluster.wait_healthy();
    }
    for dialling in dials {
        let succeeded = dialling.succeeded();
        assert_eq!(dialling.failures(), [""; 0], "where {succeeded} succeeded");
    }
}

/// The other address that it knows leads nowhere, and tells nobody so.
#[test]
fn a_proxy_that_is_started_anew_is_tried_again_beside_an_address_that_is_silent() {
    let mut cluster = Cluster::start_with(2, |proxy| proxy.draining_for("5s"));
    let echo = Target::echo();
    let _agent = cluster.agent("lab", &[0, 1], &[("echo", echo.address().to_string())]);
    let (_mute, silent) = mute_port();
    let addresses = [silent, cluster.proxy(0).public_address()];
    let forwards = ["one", "two", "three"].map(|name| cluster.client(name, "*/*").forward(name, "lab/echo", &addresses));
    let dials = forwards.map(Dialling::start);
    for _ in 0..2 {
        dials.iter().for_each(|dialling| dialling.wait_for_more(3));
        cluster.proxy_mut(0).stop();
        cluster.proxy_mut(0).restart(Ports::Same);
        cluster.wait_healthy();
    }
    dials.iter().for_each(|dialling| dialling.wait_for_more(3));
    for dialling in dials {
        let succeeded = dialling.succeeded();
        assert_eq!(dialling.failures(), [""; 0], "where {succeeded} succeeded");
    }
}

/// An operator's drain leaves the proxy up, and its clients are to be elsewhere before the work on it begins.
#[test]
fn clients_leave_a_proxy_that_is_drained_and_do_not_come_back_meanwhile() {
    let mut cluster = Cluster::start_with(2, |proxy| proxy.behind_relays().draining_for("60s"));
    let echo = Target::echo();
    let _agent = cluster.agent("lab", &[0, 1], &[("echo", echo.address().to_string())]);
    cluster.proxy(1).public_relay().delay(FAR);
    let client = cluster.client("laptop", "*/*");
    let forward = client.forward("lasting", "lab/echo", &[]);
    must_work(&forward, "it works");
    assert!(carried(&cluster, 0) > 0, "by the nearest");
    let mut stream = forward.connect();
    stream.write_all(b"before").expect("sent");
    cluster.run_at(cluster.proxy(1), &["proxies", "drain", "proxy-1", "-o", "json"]);
    wait_for("it enters by the other one", || {
        let before = carried(&cluster, 0);
        must_work(&forward, "it works all the time");
        (carried(&cluster, 0) == before).then_some(())
    });
    let left = carried(&cluster, 0);
    stream.write_all(b"after").expect("sent");
    stream.shutdown(Shutdown::Write).expect("its half is closed");
    let mut back = Vec::new();
    stream.read_to_end(&mut back).expect("the end");
    assert_eq!(back, b"beforeafter", "what ran before runs on");
    // A new command does not enter there either.
    assert_eq!(entrance_of(&client), "proxy-2");
    assert_eq!(carried(&cluster, 0), left);
    cluster.run_at(cluster.proxy(1), &["proxies", "resume", "proxy-1", "-o", "json"]);
    cluster.proxy_mut(1).kill();
    must_work(&forward, "it enters by that one again where it is the only one");
}

/// The proxy by which a client enters that is told of none.
fn entrance_of(client: &Client) -> String {
    let identity = client.identity().to_str().expect("a path");
    let view = warren(&["ping", "lab/echo", "--identity", identity, "-c", "1", "-o", "json"], b"").json();
    view["replies"][0]["path"][0].as_str().expect("a proxy").to_owned()
}
