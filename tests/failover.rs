//! Proxies die, and what does not depend on them does not notice; what does comes back by itself.

mod support;

use std::time::Duration;

use serde_json::Value;
use support::{Agent, Client, Cluster, Dialling, Ports, Target, wait_for, wait_up_to};

/// How long a new leader may take: the machine is busy, and two candidates may meet more than once.
const ELECTION: Duration = Duration::from_secs(10);
/// How long an agent may take to be elsewhere: it notices a silent proxy by QUIC's idle time-out of 10 s.
const MOVE: Duration = Duration::from_secs(20);
/// How often an agent is started anew.
const RESTARTS: usize = 4;
/// How many dials wait for it at each entrance.
const BESIDE: usize = 3;

/// Dials that go on through the proxy with this index.
fn dialling(cluster: &Cluster, client: &Client, index: usize) -> Dialling {
    let proxy = cluster.proxy(index);
    Dialling::start(client.forward(&format!("via-{}", proxy.name()), "lab/echo", &[proxy.public_address()]))
}

/// The route through `owner`, as the proxy with this index has it. There may be another one beside it: an agent whose proxy has no lease for a moment, as in an
/// election, holds a tunnel elsewhere too.
fn route(cluster: &Cluster, index: usize, owner: usize) -> Value {
    let view = cluster.proxy(index).get("/v1/routes").expect("an answer");
    let mut routes = view["routes"].as_array().expect("routes").iter();
    routes.find(|route| route["proxy"] == cluster.proxy(owner).name()).unwrap_or_else(|| panic!("{view}")).clone()
}

#[test]
fn the_death_of_the_leader_and_of_a_follower_costs_no_dial_elsewhere() {
    let mut cluster = Cluster::start(3);
    let echo = Target::echo();
    let first = cluster.leader();
    let (owner, other) = ((first + 1) % 3, (first + 2) % 3);
    let _agent = cluster.agent("lab", &[owner], &[("echo", echo.address().to_string())]);
    let client = cluster.client("laptop", "*/*");
    let before = route(&cluster, owner, owner);
    let unharmed = [owner, other].map(|index| dialling(&cluster, &client, index));
    let through_the_dead = dialling(&cluster, &client, first);

    cluster.proxy_mut(first).kill();
    let next = wait_up_to(ELECTION, "a new leader", || Some(cluster.leader()).filter(|leader| *leader != first));
    unharmed.iter().for_each(|dialling| dialling.wait_for_more(20));
    // A write goes through the new leader.
    cluster.create_token("client", &[]);
    assert_eq!(route(&cluster, owner, owner), before, "the route stands through the election");
    cluster.proxy_mut(first).restart(Ports::Same);
    cluster.wait_healthy();
    assert_eq!(route(&cluster, first, owner), before, "and in the table of the one that came back");
    through_the_dead.wait_for_more(5);

    // A follower now: one that does not hold the tunnel.
    let follower = [first, other].into_iter().find(|index| *index != cluster.leader() && *index != owner).unwrap_or(first);
    let [via_owner, via_other] = unharmed;
    let unharmed_by_both = if follower == other { vec![via_owner] } else { vec![via_owner, via_other] };
    cluster.proxy_mut(follower).kill();
    unharmed_by_both.iter().for_each(|dialling| dialling.wait_for_more(20));
    cluster.proxy_mut(follower).restart(Ports::Same);
    cluster.wait_healthy();
    assert_eq!(route(&cluster, follower, owner), before);
    for dialling in unharmed_by_both {
        assert_eq!(dialling.failures(), [""; 0], "after the deaths of {first} and {follower}, with {next} as leader");
    }
}

#[test]
fn an_agent_goes_elsewhere_when_its_proxy_dies() {
    let mut cluster = Cluster::start(3);
    let echo = Target::echo();
    // It was told of one proxy only, and has learned of the others.
    let mut agent = cluster.agent("lab", &[2], &[("echo", echo.address().to_string())]);
    let client = cluster.client("laptop", "*/*");
    // Twice: the second time it may be the leader that dies.
    for _ in 0..2 {
        let dead = cluster.owner_of("lab");
        let others = [(dead + 1) % 3, (dead + 2) % 3];
        cluster.proxy_mut(dead).kill();
        for index in others {
            let proxy = cluster.proxy(index);
            wait_up_to(MOVE, "the agent can be dialled again", || {
                let ended = client.connect("lab/echo", proxy, b"hello");
                // Until then there is one clear reason.
                assert!(matches!(ended.status, Some(0 | 6)), "{ended:?}");
                (ended.status == Some(0) && ended.stdout == b"hello").then_some(())
            });
        }
        assert_ne!(cluster.owner_of("lab"), dead);
        agent.process().must_run();
        cluster.proxy_mut(dead).restart(Ports::Same);
        cluster.wait_healthy();
        cluster.wait_online("lab");
        for proxy in cluster.proxies() {
            assert_eq!(client.connect("lab/echo", proxy, b"hello").must_succeed(), b"hello");
        }
    }
}

#[test]
fn an_agent_outlives_all_proxies() {
    let mut cluster = Cluster::start(3);
    let echo = Target::echo();
    let mut agent = cluster.agent("lab", &[0, 1, 2], &[("echo", echo.address().to_string())]);
    let client = cluster.client("laptop", "*/*");
    let lost = |agent: &mut Agent| agent.process().log().matches("no tunnel").count();
    let before = lost(&mut agent);
    cluster.stop_all();
    wait_for("the agent has tried in vain", || {
        agent.process().must_run();
        (lost(&mut agent) >= before + 4).then_some(())
    });
    cluster.restart_all();
    cluster.wait_online("lab");
    agent.process().must_run();
    for proxy in cluster.proxies() {
        assert_eq!(client.connect("lab/echo", proxy, b"hello").must_succeed(), b"hello");
    }
}

#[test]
fn an_agent_that_starts_anew_needs_no_proxy_of_its_configuration() {
    let mut cluster = Cluster::start(3);
    let echo = Target::echo();
    let services = [("echo", echo.address().to_string())];
    let agent = cluster.agent("lab", &[0], &services);
    let (client, token) = (cluster.client("laptop", "*/*"), cluster.token("agent", &[]));
    let entry = [cluster.proxy(0).public_address()];
    drop(agent);
    cluster.proxy_mut(0).stop();
    let _again = Agent::start(cluster.home(), "lab", &entry, &token, &services);
    wait_up_to(MOVE, "the agent has found the others", || {
        let ended = client.connect("lab/echo", cluster.proxy(1), b"hello");
        (ended.status == Some(0) && ended.stdout == b"hello").then_some(())
    });
}

#[test]
fn a_dial_to_an_agent_that_is_killed_waits_for_the_one_that_is_started_in_its_place() {
    let cluster = Cluster::start(3);
    let echo = Target::echo();
    let services = [("echo", echo.address().to_string())];
    let mut agent = cluster.agent("lab", &[0, 1, 2], &services);
    let (client, token) = (cluster.client("laptop", "*/*"), cluster.token("agent", &[]));
    let impatient = cluster.client("hasty", "*/*");
    impatient.limit_dials("1s");
    let entries = [0, 1, 2].map(|index| cluster.proxy(index).public_address());
    for round in 0..RESTARTS {
        let owner = cluster.owner_of("lab");
        let entrances = [owner, (owner + 1) % 3].repeat(BESIDE);
        let names: Vec<_> = (0..entrances.len()).map(|number| format!("via-{round}-{number}")).collect();
        let forward = |(name, index): (&String, &usize)| client.forward(name, "lab/echo", &[cluster.proxy(*index).public_address()]);
        let dialling: Vec<_> = names.iter().zip(&entrances).map(|pair| Dialling::start(forward(pair))).collect();
        agent.process().kill();
        if round % 2 == 1 {
            // Then they have waited for a while.
            assert_ne!(impatient.connect("lab/echo", cluster.proxy(owner), b"hello").status, Some(0));
        }
        agent = Agent::start(cluster.home(), "lab", &entries, &token, &services);
        dialling.iter().for_each(|dialling| dialling.wait_for_more(5));
        let slowest: Vec<_> = dialling.iter().map(Dialling::slowest_ms).collect();
        print_figures(&format!("round {round}: slowest dials in ms"), &slowest);
        for (name, dialling) in names.iter().zip(dialling) {
            // The stream that was running has been cut.
            let ended = dialling.failures();
            let log = support::Process::logged(&format!("forward-{name}"), cluster.home());
            assert!(!log.contains("\"code\":") && ended.len() <= 1, "{name}: {ended:?}\n{log}");
        }
    }
}

#[expect(clippy::print_stderr, reason = "the figures are what the test is for")]
fn print_figures(what: &str, figures: &[usize]) {
    eprintln!("{what}: {figures:?}");
}
