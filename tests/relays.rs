//! The relay that tests put between agents, clients and proxies does what they take it for: a path that can be broken, and a bare load balancer.

mod support;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use support::{Agent, Cluster, LONG, Relay, Target, Towards, wait_for};

/// How long a datagram on loopback is waited for before it counts as lost.
const LOST: Duration = Duration::from_millis(200);

#[test]
fn a_source_keeps_its_target_and_the_next_one_gets_the_next() {
    let targets = [port(), port(), port()];
    let relay = Relay::to(&targets.each_ref().map(address));
    let sources: Vec<_> = (0..6).map(|_| port()).collect();
    let mut reached = BTreeMap::<usize, usize>::new();
    for source in &sources {
        let first = reaches(source, &relay, &targets).0;
        let again = reaches(source, &relay, &targets).0;
        assert_eq!(first, again, "it keeps its target");
        *reached.entry(first).or_default() += 1;
    }
    assert_eq!(reached, BTreeMap::from([(0, 2), (1, 2), (2, 2)]), "they take turns");
    assert_eq!(relay.sources(), 6);

    // A target that is taken out loses its sources to the others, and only they move.
    let before: Vec<_> = sources.iter().map(|source| reaches(source, &relay, &targets).0).collect();
    relay.lead_to(&[address(&targets[1]), address(&targets[2])]);
    for (source, before) in sources.iter().zip(before) {
        let now = reaches(source, &relay, &targets).0;
        assert!(if before == 0 { now != 0 } else { now == before }, "{before} {now}");
    }
}

#[test]
fn each_direction_is_lost_by_itself() {
    let (target, source) = ([port()], port());
    let relay = Relay::to(&[address(&target[0])]);
    let (_, seen) = reaches(&source, &relay, &target);

    relay.cut(&[Towards::Target]);
    send(&source, relay.address(), b"lost");
    send(&target[0], seen, b"back");
    assert_eq!(receive(&source), Some((relay.address(), b"back".to_vec())), "the other direction is open");
    assert_eq!(receive(&target[0]), None);

    relay.mend();
    relay.cut(&[Towards::Source]);
    send(&target[0], seen, b"lost");
    send(&source, relay.address(), b"there");
    assert_eq!(receive(&target[0]), Some((seen, b"there".to_vec())));
    assert_eq!(receive(&source), None);

    relay.cut(&Towards::BOTH);
    send(&source, relay.address(), b"lost");
    assert_eq!(receive(&target[0]), None);
    relay.mend();
    assert_eq!(reaches(&source, &relay, &target).1, seen, "its port is the same as before");
}

#[test]
fn a_new_port_is_seen_and_the_former_one_leads_nowhere() {
    let (target, source) = ([port()], port());
    let relay = Relay::to(&[address(&target[0])]);
    let (_, before) = reaches(&source, &relay, &target);
    relay.rebind();
    send(&target[0], before, b"too early");
    assert_eq!(receive(&source), None, "nothing has come out of the new port yet");
    let (_, after) = reaches(&source, &relay, &target);
    assert_ne!(before, after);
    send(&target[0], before, b"too late");
    assert_eq!(receive(&source), None);
    assert_eq!(relay.sources(), 1, "it is the same source");
}

#[test]
fn proxies_and_an_agent_find_each_other_through_relays() {
    let cluster = Cluster::start_with(3, support::Proxy::behind_relays);
    let echo = Target::echo();
    let entries: Vec<_> = cluster.proxies().iter().map(|proxy| proxy.ports().expect("it runs")[1]).collect();
    let balancer = Relay::to(&entries);
    let token = cluster.token("agent", &[]);
    let services = [("echo", echo.address().to_string())];
    let _agent = Agent::start(cluster.home(), "lab", &[balancer.address()], &token, &services);
    cluster.wait_online("lab");
    assert!(balancer.sources() > 0, "it came by its configured address");
    for proxy in cluster.proxies() {
        assert_eq!(proxy.public_address(), proxy.public_relay().address());
    }
    // One side of each pair dials the other.
    let pairs: usize = cluster.proxies().iter().map(|proxy| proxy.peer_relay().sources()).sum();
    assert_eq!(pairs, 3, "the proxies came by their advertised addresses");
    let client = cluster.client("laptop", "*/*");
    for proxy in cluster.proxies() {
        assert_eq!(client.connect("lab/echo", proxy, b"hello").must_succeed(), b"hello");
    }
}

/// Which target a datagram from `source` reaches, and from which port, once the answer has come back.
fn reaches(source: &UdpSocket, relay: &Relay, targets: &[UdpSocket]) -> (usize, SocketAddr) {
    send(source, relay.address(), b"there");
    let (index, from) = wait_for("the datagram arrives", || {
        let arrived = targets.iter().enumerate().find_map(|(index, target)| Some((index, receive_soon(target)?)))?;
        assert_eq!(arrived.1.1, b"there");
        Some((arrived.0, arrived.1.0))
    });
    send(&targets[index], from, b"back");
    source.set_read_timeout(Some(LONG)).expect("a socket");
    assert_eq!(receive_now(source), Some((relay.address(), b"back".to_vec())));
    (index, from)
}

#[expect(clippy::disallowed_methods, reason = "both ends are outside of warren")]
fn port() -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port")
}

fn address(socket: &UdpSocket) -> SocketAddr {
    socket.local_addr().expect("an address")
}

fn send(from: &UdpSocket, to: SocketAddr, datagram: &[u8]) {
    from.send_to(datagram, to).expect("it is sent");
}

/// What comes before it counts as lost.
fn receive(socket: &UdpSocket) -> Option<(SocketAddr, Vec<u8>)> {
    socket.set_read_timeout(Some(LOST)).expect("a socket");
    receive_now(socket)
}

fn receive_soon(socket: &UdpSocket) -> Option<(SocketAddr, Vec<u8>)> {
    socket.set_read_timeout(Some(Duration::from_millis(1))).expect("a socket");
    receive_now(socket)
}

fn receive_now(socket: &UdpSocket) -> Option<(SocketAddr, Vec<u8>)> {
    let mut datagram = [0; 64];
    let (length, from) = socket.recv_from(&mut datagram).ok()?;
    Some((from, datagram[..length].to_vec()))
}
