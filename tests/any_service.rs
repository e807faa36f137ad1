//! `any/SERVICE`: whoever publishes it will do, and who fails is not noticed.

mod support;

use std::collections::BTreeMap;

use support::{Agent, Client, Cluster, Target, closed_port, wait_for};

/// How many dials are counted.
const DIALS: usize = 60;

/// Agents of equal distance, each with a tunnel to every proxy, that publish `web`, each at a target of its own that says its name.
fn equals(cluster: &Cluster, names: &[&str]) -> (Vec<Agent>, Vec<Target>) {
    let targets: Vec<_> = names.iter().map(|name| Target::answering_at_the_end(name.as_bytes().to_vec())).collect();
    let agents = names.iter().zip(&targets).map(|(name, target)| cluster.agent(name, &[0], &[("web", target.address().to_string())]));
    let agents = agents.collect();
    for name in names {
        wait_for("it has a tunnel to every proxy", || (cluster.proxy(0).places_of(name).len() == cluster.proxies().len()).then_some(()));
    }
    (agents, targets)
}

/// Who has answered how many dials of `any/web` through the proxy with this index.
fn spread(cluster: &Cluster, client: &Client, index: usize, dials: usize) -> BTreeMap<String, usize> {
    let mut spread = BTreeMap::new();
    for _ in 0..dials {
        let answer = client.connect("any/web", cluster.proxy(index), b"").must_succeed();
        let name = String::from_utf8(answer).expect("text").lines().nth(1).expect("a name").to_owned();
        *spread.entry(name).or_default() += 1;
    }
    spread
}

#[test]
fn equals_share_alike_through_every_entrance() {
    let cluster = Cluster::start_with(2, |proxy| proxy.configured("[tunnel_strategy]\ntype = \"agent_mesh\"\n"));
    let (_agents, targets) = equals(&cluster, &["one", "two", "three"]);
    let client = cluster.client("laptop", "*/web");
    for index in 0..2 {
        let spread = spread(&cluster, &client, index, DIALS);
        // By chance one of three gets fewer than 5 of 60 less than once in ten thousand times.
        assert!(spread.len() == 3 && spread.values().all(|dials| *dials >= 5), "through {index}: {spread:?}");
    }
    assert_eq!(targets.iter().map(Target::accepted).sum::<usize>(), 2 * DIALS, "each dial has had one connection");
}

#[test]
fn who_has_least_to_do_gets_the_next() {
    let cluster = Cluster::start(1);
    let echos = [Target::echo(), Target::echo()];
    let _agents = ["one", "two"].map(|name| {
        let target = if name == "one" { &echos[0] } else { &echos[1] };
        cluster.agent(name, &[0], &[("echo", target.address().to_string())])
    });
    let client = cluster.client("laptop", "*/echo");
    // Streams that stay open: each next one goes where there are fewer.
    let forward = client.forward("any", "any/echo", &[cluster.proxy(0).public_address()]);
    let mut open = Vec::new();
    for number in 1..=10 {
        open.push(forward.connect());
        wait_for("the dial arrives", || (echos.iter().map(Target::accepted).sum::<usize>() == number).then_some(()));
    }
    assert_eq!(echos.each_ref().map(Target::accepted), [5, 5]);
}

/// Three publish it: the target of one refuses, and another one is killed.
#[test]
fn no_dial_fails_while_one_can_answer() {
    let cluster = Cluster::start(2);
    let echo = [Target::echo(), Target::echo()];
    let service = |address: String| [("echo", address)];
    let (_closed, closed) = closed_port();
    let _refuses = cluster.agent("refuses", &[0], &service(closed.to_string()));
    let mut dies = cluster.agent("dies", &[0], &service(echo[0].address().to_string()));
    let _stays = cluster.agent("stays", &[1], &service(echo[1].address().to_string()));
    let client = cluster.client("laptop", "*/echo");
    let dial = |number: usize| {
        let bytes = format!("dial {number}");
        let proxy = cluster.proxy(number % 2);
        let ended = client.connect("any/echo", proxy, bytes.as_bytes());
        assert_eq!(ended.must_succeed(), bytes.as_bytes(), "through {}", proxy.name());
    };
    (0..20).for_each(dial);
    assert!(echo[0].accepted() > 0 && echo[1].accepted() > 0, "both have their share");
    dies.process().kill();
    (20..50).for_each(dial);
}
