//! Agents hold exactly the tunnels that they ought to hold, find the proxies whatever is in front of them, and move without anybody noticing.

mod support;

use std::collections::BTreeSet;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use support::{Agent, Client, Cluster, Dialling, Open, Proxy, Relay, Target, Towards, mute_port, wait_for};
use tokio::time::Instant;

#[test]
fn changes_of_the_strategy_leave_exactly_the_wanted_tunnels_and_nobody_notices() {
    let cluster = Cluster::start(3);
    let echo = Target::echo();
    let mut agent = cluster.agent("lab", &[0], &[("echo", echo.address().to_string())]);
    let client = cluster.client("laptop", "*/*");
    let dials: Vec<_> = cluster.proxies().iter().map(|proxy| dialling(&client, proxy)).collect();
    let mut streams = Vec::new();
    let steps = [
        ("agent_mesh", 1, 3),
        ("proxy_peering", 2, 2),
        ("proxy_peering", 1, 1),
        ("proxy_peering", 9, 3),
        ("agent_mesh", 1, 3),
        ("proxy_peering", 1, 1),
    ];
    for (kind, count, expected) in steps {
        set_strategy(&cluster, kind, count);
        wait_for_places(&cluster, expected);
        // One more stream through each proxy, to run on through all that follows.
        streams.extend(cluster.proxies().iter().map(|proxy| client.open("lab/echo", proxy)));
        streams.iter_mut().for_each(|stream| moves(stream, b'a'));
        dials.iter().for_each(|dialling| dialling.wait_for_more(10));
    }
    for dialling in dials {
        assert_eq!(dialling.failures(), [""; 0]);
    }
    for mut stream in streams {
        moves(&mut stream, b'z');
        drop(stream.input.take());
        assert_eq!((stream.read_to_end(), stream.wait()), (Vec::new(), Some(0)), "the stream ends well");
    }
    let log = agent.process().log();
    assert!(!log.contains("tunnel lost"), "{log}");
    // The retired ones are closed once their last stream has ended.
    let retired = log.matches("tunnel retired").count();
    assert_eq!(retired, 4, "{log}");
    wait_for("they are closed", || (agent.process().log().matches("retired tunnel closed").count() == retired).then_some(()));
    wait_for_places(&cluster, 1);
}

#[test]
fn behind_a_bare_balancer_agents_collect_the_proxies_they_ought_to_hold_without_a_storm() {
    let balancer = Relay::new();
    let mut cluster = Cluster::start_with(3, |proxy| proxy.advertising(balancer.address()));
    let ports: Vec<_> = cluster.proxies().iter().map(port).collect();
    balancer.lead_to(&ports);
    let echo = Target::echo();
    set_strategy(&cluster, "agent_mesh", 1);
    let token = cluster.token("agent", &[]);
    let services = [("echo", echo.address().to_string())];
    let mut agent = Agent::start(cluster.home(), "lab", &[balancer.address()], &token, &services);
    wait_for_places(&cluster, 3);
    // The machine that enrols, the first tunnel, and one draw after the other; the balancer deals them out in turn, so that each but the enrolment may be of use.
    let sources = balancer.sources();
    println!("agent_mesh behind a balancer: 3 proxies found over {sources} flows");
    assert!(sources <= 8, "{sources} flows for 3 proxies");

    // Two of three, and one of the two dies: it comes to hold the third one.
    set_strategy(&cluster, "proxy_peering", 2);
    wait_for_places(&cluster, 2);
    let places = places(&cluster);
    let client = cluster.client("laptop", "*/*");
    let (dead, third) =
        (index(&cluster, places.first()), (0..3).find(|index| !places.contains(cluster.proxy(*index).name())).expect("a third one"));
    let before = balancer.sources();
    cluster.proxy_mut(dead).kill();
    balancer.lead_to(&ports.iter().enumerate().filter(|(index, _)| *index != dead).map(|(_, port)| *port).collect::<Vec<_>>());
    let expected: BTreeSet<_> = (0..3).filter(|index| *index != dead).map(|index| cluster.proxy(index).name().to_owned()).collect();
    wait_for("it holds the two that are left", || (seen_at(cluster.proxy(third)) == expected).then_some(()));
    let draws = balancer.sources() - before;
    println!("proxy_peering, 2 of 3: the third one found over {draws} flows");
    assert!(draws <= 8, "{draws} flows to find one of 2 proxies");
    let answered = client.connect_at("lab/echo", port(cluster.proxy(third)), b"hello");
    assert_eq!(answered.must_succeed(), b"hello");
    agent.process().must_run();
    // No draw took the place of a tunnel that was there.
    let log = agent.process().log();
    assert!(!log.contains("replaced by a newer connection"), "{log}");
}

#[test]
fn a_new_port_and_a_new_address_keep_the_tunnel() {
    let cluster = Cluster::start_with(1, Proxy::behind_relays);
    let echo = Target::echo();
    let mut agent = cluster.agent("lab", &[0], &[("echo", echo.address().to_string())]);
    let client = cluster.client("laptop", "*/*");
    let proxy = cluster.proxy(0);
    let before = proxy.get("/v1/routes").expect("an answer")["routes"].clone();
    let dialling = Dialling::start(client.forward("direct", "lab/echo", &[port(proxy)]));
    let mut stream = client.open("lab/echo", proxy);
    moves(&mut stream, b'a');
    let changes: [(&str, &dyn Fn()); 3] = [
        ("another port", &|| proxy.public_relay().rebind()),
        ("another address", &|| proxy.public_relay().move_to(Ipv4Addr::new(127, 0, 0, 77))),
        ("another port again", &|| proxy.public_relay().rebind()),
    ];
    for (what, change) in changes {
        change();
        moves(&mut stream, b'b');
        dialling.wait_for_more(10);
        assert_eq!(proxy.get("/v1/routes").expect("an answer")["routes"], before, "{what}");
    }
    assert_eq!(dialling.failures(), [""; 0]);
    drop(stream.input.take());
    assert_eq!((stream.read_to_end(), stream.wait()), (Vec::new(), Some(0)), "the stream ends well");
    let log = agent.process().log();
    assert!(!log.contains("tunnel lost") && log.matches("tunnel open").count() == 1, "{log}");
}

#[test]
fn an_agent_that_cannot_reach_what_is_advertised_enters_by_its_configuration() {
    let (_mute, nowhere) = mute_port();
    let cluster = Cluster::start_with(3, |proxy| proxy.advertising(nowhere));
    let echo = Target::echo();
    let token = cluster.token("agent", &[]);
    let entries: Vec<_> = cluster.proxies().iter().map(port).collect();
    let mut agent = Agent::start(cluster.home(), "lab", &entries, &token, &[("echo", echo.address().to_string())]);
    wait_for_places(&cluster, 1);
    for (kind, count, expected) in [("proxy_peering", 2, 2), ("agent_mesh", 1, 3)] {
        set_strategy(&cluster, kind, count);
        wait_for_places(&cluster, expected);
    }
    let log = agent.process().log();
    assert!(!log.contains("tunnel lost"), "{log}");
    // The log says for which proxy a try was, and where.
    let tried: Vec<_> = log.lines().filter(|line| line.contains("no tunnel")).collect();
    let address = format!("\"address\":\"{nowhere}\"");
    assert!(tried.iter().any(|line| line.contains("\"name\":\"proxy-") && line.contains(&address)), "{tried:?}");
}

#[test]
fn addresses_that_do_not_answer_hold_up_no_agent() {
    let cluster = Cluster::start(1);
    let echo = Target::echo();
    let token = cluster.token("agent", &[]);
    let mute: Vec<_> = (0..3).map(|_| mute_port()).collect();
    let services = [("echo", echo.address().to_string())];
    // Enrolled by the one that answers, it has nothing but its configuration from then on: what it was told of the proxies is taken away.
    drop(cluster.agent("lab", &[0], &services));
    wait_for_places(&cluster, 0);
    std::fs::remove_file(cluster.home().join("agent-lab/proxies.json")).expect("it was told of the proxies");
    let entries: Vec<_> = mute.iter().map(|(_, address)| *address).chain([port(cluster.proxy(0))]).collect();
    let begun = Instant::now();
    let _agent = Agent::start(cluster.home(), "lab", &entries, &token, &services);
    cluster.wait_online("lab");
    let took = begun.elapsed();
    println!("one of four addresses answers: a tunnel after {} ms", took.as_millis());
    // One after the other would take three seconds for each that is silent.
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn beside_a_proxy_that_is_cut_off_an_agent_holds_another_one_until_it_is_back() {
    let cluster = Cluster::start_with(3, Proxy::behind_relays);
    let echo = Target::echo();
    // Of each pair the younger proxy dials the elder: all that connects the eldest comes through its relay.
    let mut agent = cluster.agent("lab", &[0], &[("echo", echo.address().to_string())]);
    wait_for("the tunnel is where it is meant to be", || (places(&cluster) == names(&cluster, &[0])).then_some(()));
    let client = cluster.client("laptop", "*/*");
    let mut stream = client.open("lab/echo", cluster.proxy(0));
    moves(&mut stream, b'a');

    // The others are to have a leader all the time: nothing else is to happen than that one of them is cut off.
    if cluster.leader() == 0 {
        cluster.run_at(cluster.proxy(0), &["raft", "transfer-leader", "-o", "json"]);
        wait_for("another one leads", || (cluster.leader() != 0).then_some(()));
    }
    cluster.proxy(0).peer_relay().cut(&Towards::BOTH);
    wait_for("it holds another one", || {
        let places = seen_at(cluster.proxy(1));
        (places.len() == 1 && !places.contains("proxy-1")).then_some(())
    });
    let others = [1, 2].map(|index| dialling(&client, cluster.proxy(index)));
    moves(&mut stream, b'b');
    others.iter().for_each(|dialling| dialling.wait_for_more(10));

    cluster.proxy(0).peer_relay().mend();
    for proxy in cluster.proxies() {
        wait_for("the one that is back is the only one again", || (seen_at(proxy) == names(&cluster, &[0])).then_some(()));
    }
    for dialling in others {
        dialling.wait_for_more(10);
        assert_eq!(dialling.failures(), [""; 0]);
    }
    moves(&mut stream, b'c');
    drop(stream.input.take());
    assert_eq!((stream.read_to_end(), stream.wait()), (Vec::new(), Some(0)), "the stream ends well");
    let log = agent.process().log();
    assert!(log.contains("not registered yet") && !log.contains("tunnel lost"), "{log}");
}

fn set_strategy(cluster: &Cluster, kind: &str, count: usize) {
    let count = count.to_string();
    let more: &[&str] = if kind == "agent_mesh" { &[] } else { &["--agent-connection-count", &count] };
    cluster.run_at(
        cluster.proxies().iter().find(|proxy| proxy.runs()).expect("a proxy"),
        &[&["strategy", "set", kind, "-o", "json"], more].concat(),
    );
}

/// Waits until every proxy sees the agent at exactly so many.
fn wait_for_places(cluster: &Cluster, count: usize) {
    for proxy in cluster.proxies().iter().filter(|proxy| proxy.runs()) {
        wait_for(&format!("`{}` sees the agent at {count} proxies", proxy.name()), || (seen_at(proxy).len() == count).then_some(()));
    }
}

fn places(cluster: &Cluster) -> BTreeSet<String> {
    seen_at(cluster.proxies().iter().find(|proxy| proxy.runs()).expect("a proxy"))
}

/// Where this proxy sees the agent.
fn seen_at(proxy: &Proxy) -> BTreeSet<String> {
    proxy.places_of("lab").into_iter().collect()
}

fn names(cluster: &Cluster, indexes: &[usize]) -> BTreeSet<String> {
    indexes.iter().map(|index| cluster.proxy(*index).name().to_owned()).collect()
}

fn index(cluster: &Cluster, name: Option<&String>) -> usize {
    cluster.proxies().iter().position(|proxy| Some(proxy.name()) == name.map(String::as_str)).expect("a proxy of this cluster")
}

/// Where a proxy listens for the public.
fn port(proxy: &Proxy) -> SocketAddr {
    proxy.ports().expect("it runs")[1]
}

fn dialling(client: &Client, proxy: &Proxy) -> Dialling {
    Dialling::start(client.forward(&format!("via-{}", proxy.name()), "lab/echo", &[port(proxy)]))
}

/// A byte goes to the service and comes back.
fn moves(stream: &mut Open, byte: u8) {
    let input = stream.input.as_mut().expect("it is open");
    input.write_all(&[byte]).and_then(|()| input.flush()).expect("it takes a byte");
    assert_eq!(stream.read_byte(), byte);
}
