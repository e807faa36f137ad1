//! A tunnel over a line that loses packets, as mobile networks do: every byte arrives, and a keystroke beside a backup does not wait for what was lost.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use support::link::{Loss, Shape};
use support::{Cluster, Side, Span, Target, exchange, random_bytes};
use tokio::time::Instant;

const TEST: &str = "tests/loss.rs";
const BULK: usize = 6 << 20;
/// Of the emulated line, there and back.
const ROUND_TRIP: Duration = Duration::from_millis(20);
/// Bounds that a busy machine keeps too. Cubic moves the bytes at 7 Mbit/s each way, that is in 14 seconds.
const MOVED_WITHIN: Duration = Duration::from_secs(60);
const TYPICAL_PING: Duration = Duration::from_millis(500);

#[test]
#[expect(clippy::print_stdout, reason = "the figures are what the test is for")]
fn bytes_arrive_whole_and_keystrokes_beside_them_soon() {
    let shape = Shape::new(100.0, ROUND_TRIP, 1.0).losing(Loss::Random(0.01));
    let Some(span) = Span::new(TEST, shape, 1) else { return };
    let proxies = span.address(Side::Core);
    let cluster = span.on(Side::Core, || Cluster::start_with(2, |proxy| proxy.at(proxies)));
    let echo = span.on(Side::Edge, Target::echo);
    let _agent = span.on(Side::Edge, || cluster.agent("far", &[1], &[("echo", echo.address().to_string())]));
    let entry = cluster.proxy(1 - cluster.owner_of("far"));
    let client = span.on(Side::Core, || cluster.client("near", "*/*"));
    let forward = span.on(Side::Core, || client.forward("near", "far/echo", &[entry.public_address()]));

    let [bulk, ping] = span.on(Side::Core, || [forward.connect(), forward.connect()]);
    let bytes = random_bytes(1, BULK);
    let (is_over, started) = (AtomicBool::new(false), Instant::now());
    let (back, mut pings) = thread::scope(|scope| {
        let pinging = scope.spawn(|| pings(ping, &is_over));
        let back = exchange(&bulk, &bytes);
        is_over.store(true, Ordering::Relaxed);
        (back.expect("the stream stays whole"), pinging.join().expect("the pings come back"))
    });
    let (elapsed, counts) = (started.elapsed(), Side::BOTH.map(|side| span.count(side)));

    pings.sort_unstable();
    let (median, worst) = (pings[pings.len() / 2], pings[pings.len() - 1]);
    let megabits = BULK as f64 / 125_000.0 / elapsed.as_secs_f64();
    println!("{megabits:.1} Mbit/s each way; {} pings beside it: p50 {median:?}, the slowest {worst:?}; {counts:?}", pings.len());
    assert!(back == bytes, "what came back is not what was sent");
    assert!(counts.iter().all(|count| count.lost > 0), "the line has lost packets in both directions: {counts:?}");
    assert!(median >= ROUND_TRIP, "the pings took the emulated line");
    assert!(elapsed < MOVED_WITHIN, "{elapsed:?}");
    assert!(median < TYPICAL_PING, "{median:?}");
}

/// Sends a byte and waits for it, over and over; how long each took.
fn pings(mut stream: TcpStream, is_over: &AtomicBool) -> Vec<Duration> {
    stream.set_nodelay(true).expect("a stream");
    let mut took = Vec::new();
    while !is_over.load(Ordering::Relaxed) || took.is_empty() {
        let asked = Instant::now();
        stream.write_all(b"?").expect("the stream stays whole");
        let mut answer = [0];
        stream.read_exact(&mut answer).expect("the stream stays whole");
        assert_eq!(&answer, b"?");
        took.push(asked.elapsed());
    }
    took
}
