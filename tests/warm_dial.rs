//! A dial over connections that stand costs one round trip for each hop, and no handshake.

mod support;

use std::io::Read;
use std::time::Duration;

use support::{Cluster, Forward, Proxy, Relay, Target};
use tokio::time::Instant;

/// How long a datagram takes from one hop to the next.
const DELAY: Duration = Duration::from_millis(20);
/// The hops: client to proxy, proxy to proxy, proxy to agent.
const HOPS: u32 = 3;
/// Dials that are measured.
const DIALS: usize = 20;

#[test]
fn a_warm_dial_takes_a_round_trip_per_hop_and_no_handshake() {
    let cluster = Cluster::start_with(2, Proxy::behind_relays);
    let (target, _reports) = Target::greeting(b"hello".to_vec());
    let _agent = cluster.agent("lab", &[0], &[("greeting", target.address().to_string())]);
    let owner = cluster.owner_of("lab");
    let client = cluster.client("laptop", "*/*");
    let forward = client.forward("warm", "lab/greeting", &[cluster.proxy(1 - owner).public_address()]);
    let relays: Vec<&Relay> = cluster.proxies().iter().flat_map(|proxy| [proxy.peer_relay(), proxy.public_relay()]).collect();
    relays.iter().for_each(|relay| relay.delay(DELAY));
    // The first ones connect the client, and all sides learn how far away the others are.
    for _ in 0..3 {
        first_byte(&forward);
    }

    let initials = || -> usize { relays.iter().map(|relay| relay.initials()).sum() };
    let (before, accepted) = (initials(), target.accepted());
    assert!(before > 0, "handshakes are seen where there are some");
    let mut times: Vec<_> = (0..DIALS).map(|_| first_byte(&forward)).collect();
    assert_eq!(initials() - before, 0, "no connection was made for a dial");
    assert_eq!(target.accepted() - accepted, DIALS, "each dial is one connection of the target's");

    times.sort();
    let round_trips = DELAY * 2 * HOPS;
    let ratio = |time: Duration| time.as_secs_f64() / round_trips.as_secs_f64();
    let (least, median) = (ratio(times[0]), ratio(times[DIALS / 2]));
    shown(&format!("{DIALS} warm dials: {least:.2} x the sum of the round trips ({round_trips:?}) at best, {median:.2} x at the median"));
    // A busy machine adds to some of them; a further round trip of one hop would add a third to all.
    assert!(least >= 0.99, "the way is as long as it is said to be: {times:?}");
    assert!(least < 1.3, "{times:?}");
    assert!(median < 2.0, "{times:?}");
}

/// How long it takes until the target's first byte is there, which it sends by itself.
fn first_byte(forward: &Forward) -> Duration {
    let begun = Instant::now();
    let mut stream = forward.connect();
    stream.read_exact(&mut [0]).expect("a byte");
    begun.elapsed()
}

#[expect(clippy::print_stderr, reason = "a measured figure is shown with the test's output")]
fn shown(line: &str) {
    eprintln!("{line}");
}
