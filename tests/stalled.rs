//! A reader that does not read holds back its own writer, and nobody else: others on the same connections move as before, what it holds is bounded, it goes on
//! where it was, and it is cut only where there are more of them than the machine has memory for.

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use socket2::SockRef;
use support::{Agent, Client, Cluster, Forward, LONG, Target, wait_for, wait_up_to};
use tokio::time::Instant;

const MIB: u64 = 1 << 20;
/// What a stream may have unread at each hop on loopback, and what its relay has in its hands then.
const HOP: u64 = MIB + MIB / 4;
/// What the kernels' buffers of four sockets take beside it: what is sent before the first byte is not read grows them.
const SOCKETS: u64 = 24 * MIB;
/// How long nothing must move for the senders to be taken for blocked.
const QUIET: Duration = Duration::from_millis(1500);

/// A service that sends for ever, or as much as it is asked to, and counts what it got rid of.
struct Source {
    target: Target,
    pushed: Arc<AtomicU64>,
}

impl Source {
    /// Reads how many bytes it is to send, big-endian, and sends them: each is its offset, modulo 251.
    fn new() -> Self {
        let pushed: Arc<AtomicU64> = Arc::default();
        let count = pushed.clone();
        let target = Target::serving(move |mut stream| {
            let mut length = [0; 8];
            stream.read_exact(&mut length)?;
            let (length, mut offset) = (u64::from_be_bytes(length), 0);
            while offset < length {
                let piece: Vec<u8> = (offset..length.min(offset + 16_384)).map(byte_at).collect();
                stream.write_all(&piece)?;
                offset += piece.len() as u64;
                count.fetch_add(piece.len() as u64, Ordering::Relaxed);
            }
            Ok(())
        });
        Self { target, pushed }
    }

    fn pushed(&self) -> u64 {
        self.pushed.load(Ordering::Relaxed)
    }
}

fn byte_at(offset: u64) -> u8 {
    u8::try_from(offset % 251).expect("below 251")
}

/// A service that reads nothing, and keeps its connections.
fn deaf() -> Target {
    let kept = Mutex::new(Vec::new());
    Target::serving(move |stream| {
        kept.lock().expect("nobody panics here").push(stream);
        Ok(())
    })
}

/// A service that reads a few KB a second, and counts them.
fn slow() -> (Target, Arc<AtomicU64>) {
    let read: Arc<AtomicU64> = Arc::default();
    let count = read.clone();
    let target = Target::serving(move |mut stream| {
        SockRef::from(&stream).set_recv_buffer_size(16 * 1024)?;
        loop {
            stream.read_exact(&mut [0; 1024])?;
            count.fetch_add(1024, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(100));
        }
    });
    (target, read)
}

/// Two proxies, an agent at the second one with `source`, `deaf`, `echo` and `slow`, and a client that enters at either.
struct Scene {
    cluster: Cluster,
    agent: Agent,
    client: Client,
    source: Source,
    slow: (Target, Arc<AtomicU64>),
    _others: [Target; 2],
    // One scene at a time: they keep every core busy.
    _alone: MutexGuard<'static, ()>,
}

static ALONE: Mutex<()> = Mutex::new(());

impl Scene {
    /// With the lines of a configuration for each proxy, and variables for the agent.
    fn with(further: &str, variables: &[(&str, &str)]) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let cluster = Cluster::start_with(2, |proxy| proxy.configured(further));
        let (source, deaf, echo, slow) = (Source::new(), deaf(), Target::echo(), slow());
        let services: Vec<_> =
            [("source", source.target.address()), ("deaf", deaf.address()), ("echo", echo.address()), ("slow", slow.0.address())]
                .map(|(name, address)| (name, address.to_string()))
                .into();
        let (token, entry) = (cluster.token("agent", &[]), cluster.proxy(1).public_address());
        let agent = Agent::start_with(cluster.home(), "a", &[entry], &token, (&services, variables));
        cluster.wait_online("a");
        let client = cluster.client("c", "*/*");
        Self { cluster, agent, client, source, slow, _others: [deaf, echo], _alone: alone }
    }

    /// Ports of one client process that enters at the proxy with this index: to `source`, `deaf`, `echo` and `slow`.
    fn doors(&self, entry: usize) -> [Forward; 4] {
        let targets = ["a/source", "a/deaf", "a/echo", "a/slow"].map(str::to_owned);
        let doors = self.client.forwards(&format!("by-{entry}"), &targets, &[self.cluster.proxy(entry).public_address()]);
        doors.try_into().expect("four of them")
    }

    /// The most memory that each process has ever had, in bytes: both proxies, the agent, the client.
    fn peaks(&mut self, door: &mut Forward) -> [u64; 4] {
        let proxies = [0, 1].map(|index| self.cluster.proxy(index).pid().expect("it runs"));
        [proxies[0], proxies[1], self.agent.process().pid(), door.process().pid()].map(peak)
    }

    fn metric(&self, index: usize, name: &str) -> u64 {
        let (_, text) = support::get(self.cluster.proxy(index).http_address(), "/metrics").expect("an answer");
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name}: {text}"));
        line.rsplit(' ').next().and_then(|value| value.parse().ok()).expect("a number")
    }
}

fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux says it");
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("a number") * 1024
}

/// Asks for so many bytes and does not read them.
fn ask(door: &Forward, length: u64) -> TcpStream {
    let mut stream = door.connect();
    stream.write_all(&length.to_be_bytes()).expect("it listens");
    stream
}

/// Reads what was asked for, to its end, and checks every byte.
fn read_all(mut stream: TcpStream, length: u64) {
    let (mut piece, mut offset) = (vec![0; 64 * 1024], 0);
    loop {
        let count = stream.read(&mut piece).expect("a whole stream");
        if count == 0 {
            break;
        }
        let bytes = &piece[..count];
        assert!((offset..).zip(bytes).all(|(offset, byte)| byte_at(offset) == *byte), "after {offset} bytes");
        offset += count as u64;
    }
    assert_eq!(offset, length);
}

/// Writes until nobody takes any more, and gives how much that was.
fn push(stream: &TcpStream) -> u64 {
    let (mut stream, piece) = (stream.try_clone().expect("a socket"), vec![7; 64 * 1024]);
    stream.set_write_timeout(Some(QUIET)).expect("a socket option");
    let mut pushed = 0;
    loop {
        match stream.write(&piece) {
            Ok(count) => pushed += count as u64,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return pushed,
            Err(error) => panic!("after {pushed} bytes: {error}"),
        }
        assert!(pushed < 1 << 30, "nobody holds it back");
    }
}

/// The middle one and the longest of so many round trips of a byte.
fn pings(stream: &mut TcpStream, count: usize) -> (Duration, Duration) {
    let mut times: Vec<_> = (0..count)
        .map(|_| {
            let begun = Instant::now();
            stream.write_all(b"?").expect("it listens");
            stream.read_exact(&mut [0]).expect("it answers");
            begun.elapsed()
        })
        .collect();
    times.sort();
    (times[count / 2], times[count - 1])
}

/// Waits until a counter rests.
fn rests(what: &str, count: impl Fn() -> u64) -> u64 {
    let mut last = (count(), Instant::now());
    wait_up_to(3 * LONG, what, || {
        let now = count();
        if now != last.0 {
            last = (now, Instant::now());
        }
        (last.1.elapsed() > QUIET).then_some(now)
    })
}

fn live_moves(door: &Forward, length: u64) -> Duration {
    let begun = Instant::now();
    read_all(ask(door, length), length);
    begun.elapsed()
}

#[test]
#[expect(clippy::print_stderr, reason = "the figures of a test that checks bounds")]
fn stalled_readers_hold_their_own_windows_and_nobody_else() {
    const LIVE: u64 = 8 * MIB;
    const WHOLE: u64 = 32 * MIB;
    let mut scene = Scene::with("", &[]);
    // Over the tunnel alone, and through two proxies.
    for entry in [1, 0] {
        let [mut source, _deaf, echo, _slow] = scene.doors(entry);
        let mut live = echo.connect();
        let alone = (live_moves(&source, LIVE), pings(&mut live, 50));
        let before = scene.peaks(&mut source);
        let mut stalled = Vec::new();
        for count in [4_u64, 32] {
            let pushed = scene.source.pushed();
            let more = count - stalled.len() as u64;
            stalled.extend((0..more).map(|_| ask(&source, WHOLE)));
            let each = (rests("the senders are held back", || scene.source.pushed()) - pushed) / more;
            let hops = if entry == 0 { 3 } else { 2 };
            assert!(each >= MIB && each < hops * HOP + SOCKETS, "{each} bytes were pushed for each of {count} through {hops} hops");
            let beside = (live_moves(&source, LIVE), pings(&mut live, 50));
            eprintln!(
                "entry {entry}, {count} stalled: {each} bytes pushed each; {LIVE} bytes and pings alone {alone:?}, beside {beside:?}"
            );
            assert!(beside.0 < alone.0 * 20 + Duration::from_secs(5), "{count} stalled: {beside:?}, alone {alone:?}");
            assert!(beside.1.0 < alone.1.0 * 20 + Duration::from_millis(50), "{count} stalled: {beside:?}, alone {alone:?}");
        }
        let peaks = scene.peaks(&mut source);
        for (what, (before, peak)) in ["ingress", "owner", "agent", "client"].iter().zip(before.iter().zip(peaks)) {
            let each = (peak - before) / 32;
            eprintln!("entry {entry}: {what} held {each} bytes for each of 32");
            assert!(each < 3 * HOP, "{what} held {each} bytes for each of 32");
        }
        // One after the other, they are read again: each goes on where it was.
        stalled.truncate(2);
        for stream in stalled {
            read_all(stream, WHOLE);
        }
    }
    for index in [0, 1] {
        assert_eq!(scene.metric(index, "warren_streams_cut_total{reason=\"stalled\"}"), 0);
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "the figures of a test that checks bounds")]
fn five_hundred_targets_that_do_not_read_leave_the_others_alone() {
    const STALLED: u64 = 500;
    const LIVE: u64 = 4 * MIB;
    // With those that move there are as many as the tunnel may carry for one client: all but the last of 32.
    let small = "[transport]\nstream_window = \"64KiB\"\n[limits]\nstreams_per_agent = 518\n";
    let mut scene = Scene::with(small, &[("WARREN_TRANSPORT_STREAM_WINDOW", "64KiB")]);
    let [mut source, deaf, echo, _slow] = scene.doors(0);
    let mut live = echo.connect();
    let alone = (live_moves(&source, LIVE), pings(&mut live, 50));
    let before = scene.peaks(&mut source);
    let piece = vec![7; 16 * 1024];
    let streams: Vec<_> = (0..STALLED)
        .map(|_| {
            let mut stream = deaf.connect();
            SockRef::from(&stream).set_send_buffer_size(64 * 1024).expect("a socket option");
            stream.write_all(&piece).expect("the first bytes are taken");
            stream.set_nonblocking(true).expect("a socket option");
            stream
        })
        .collect();
    let each = push_all(&streams) / STALLED;
    let beside = (live_moves(&source, LIVE), pings(&mut live, 50));
    eprintln!("{STALLED} stalled: {each} bytes pushed each; {LIVE} bytes and pings alone {alone:?}, beside {beside:?}");
    assert!(each < 3 * (64 << 10) + MIB + SOCKETS, "{each} bytes were pushed for each");
    assert!(beside.0 < alone.0 * 20 + Duration::from_secs(10), "{beside:?}, alone {alone:?}");
    assert!(beside.1.0 < alone.1.0 * 20 + Duration::from_millis(100), "{beside:?}, alone {alone:?}");
    for (what, (before, peak)) in ["ingress", "owner", "agent", "client"].iter().zip(before.iter().zip(scene.peaks(&mut source))) {
        let each = (peak - before) / STALLED;
        eprintln!("{what} held {each} bytes for each");
        assert!(each < 2 * (64 << 10) + 512 * 1024, "{what} held {each} bytes for each");
    }
    let mut last = echo.connect();
    assert!(pings(&mut last, 1).0 < LONG, "the last place is as good as the first");
    let end = echo.connect().read(&mut [0]).expect_err("there is no further place");
    assert_eq!(end.kind(), ErrorKind::ConnectionReset);
    assert!(pings(&mut live, 5).1 < LONG);
}

/// Writes to all of them until none takes any more, and gives how much that was.
fn push_all(streams: &[TcpStream]) -> u64 {
    let (piece, mut pushed, mut last) = (vec![7; 64 * 1024], 0, Instant::now());
    while last.elapsed() < QUIET {
        for mut stream in streams {
            match stream.write(&piece) {
                Ok(count) => (pushed, last) = (pushed + count as u64, Instant::now()),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "after {pushed} bytes"),
            }
        }
        thread::sleep(Duration::from_millis(5));
    }
    pushed
}

#[test]
#[expect(clippy::print_stderr, reason = "the figures of a test that checks bounds")]
fn beyond_the_budget_the_longest_stalled_is_cut_and_the_others_go_on() {
    const STREAMS: usize = 8;
    // Each holds from one window to two.
    let further = "[limits]\nstalled_memory = \"512KiB\"\nstalled_after = \"12s\"\n[transport]\nstream_window = \"64KiB\"\n";
    let scene = Scene::with(further, &[("WARREN_TRANSPORT_STREAM_WINDOW", "64KiB")]);
    let [_source, deaf, echo, slow] = scene.doors(1);
    let mut live = echo.connect();
    let slow = slow.connect();
    push(&slow);
    let streams: Vec<_> = (0..STREAMS)
        .map(|_| {
            let stream = deaf.connect();
            push(&stream);
            stream
        })
        .collect();
    let cut = || scene.metric(1, "warren_streams_cut_total{reason=\"stalled\"}");
    let held = || [scene.metric(1, "warren_streams_stalled "), scene.metric(1, "warren_stalled_bytes ")];
    wait_for("some are cut", || (cut() + held()[0] == STREAMS as u64 && cut() > 0).then_some(()));
    let (cut_streams, [stalled, bytes]) = (usize::try_from(cut()).expect("few"), held());
    eprintln!("{cut_streams} of {STREAMS} were cut, {stalled} hold {bytes} bytes");
    assert!(bytes <= 512 << 10 && cut_streams < STREAMS - 2, "{cut_streams} were cut, {bytes} bytes are held");
    streams[..cut_streams].iter().for_each(is_cut);
    for stream in streams[cut_streams..].iter().chain([&slow]) {
        stream.set_nonblocking(true).expect("a socket option");
        let end = (&*stream).read(&mut [0]).expect_err("nothing comes");
        assert_eq!(end.kind(), ErrorKind::WouldBlock, "it lives");
    }
    assert!(pings(&mut live, 5).1 < LONG);
    let log = scene.cluster.proxy(1).log();
    assert_eq!(log.matches("stream cut: nobody reads it").count(), cut_streams, "{log}");
    assert_eq!(log.matches("\"end\":\"stalled\"").count(), cut_streams, "{log}");
    let before = scene.slow.1.load(Ordering::Relaxed);
    wait_for("the slow one is read on", || (scene.slow.1.load(Ordering::Relaxed) > before + 4096).then_some(()));
}

/// The stream was reset, which a reader learns at once.
fn is_cut(mut stream: &TcpStream) {
    stream.set_nonblocking(false).expect("a socket option");
    let end = stream.read(&mut [0]).expect_err("no end of a whole stream");
    assert_eq!(end.kind(), ErrorKind::ConnectionReset);
}
