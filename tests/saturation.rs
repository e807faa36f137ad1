//! Bulk in all directions between three proxies, until every core is busy: Raft, leases and dials do not wait behind it.

mod support;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use support::{Cluster, Dialling, Forward, Proxy, Target, get, wait_for};
use tokio::time::Instant;

/// How long the bulk runs.
const FOR: Duration = Duration::from_secs(20);
/// Streams at once, each of which sends both ways.
const STREAMS: usize = 64;
/// The proxies, and as many agents.
const PROXIES: usize = 3;
/// What is sent at once.
const PIECE: usize = 64 << 10;

/// Streams that send and receive without end.
struct Bulk {
    streams: Vec<TcpStream>,
    workers: Vec<JoinHandle<()>>,
    received: Arc<AtomicU64>,
}

impl Bulk {
    fn start(forwards: &[Forward]) -> Self {
        let received = Arc::new(AtomicU64::new(0));
        let (mut streams, mut workers) = (Vec::new(), Vec::new());
        for forward in forwards.iter().cycle().take(STREAMS) {
            let stream = forward.connect();
            let (mut writer, mut reader) = (stream.try_clone().expect("a socket"), stream.try_clone().expect("a socket"));
            let count = received.clone();
            // Both end when the socket is shut down.
            workers.push(thread::spawn(move || while writer.write_all(&[0; PIECE]).is_ok() {}));
            workers.push(thread::spawn(move || {
                let mut piece = vec![0; PIECE];
                while let Ok(length @ 1..) = reader.read(&mut piece) {
                    count.fetch_add(u64::try_from(length).expect("small"), Ordering::Relaxed);
                }
            }));
            streams.push(stream);
        }
        Self { streams, workers, received }
    }

    /// Ends it, and tells how many bytes came back.
    fn stop(self) -> u64 {
        for stream in &self.streams {
            // It may have been reset.
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.workers.into_iter().for_each(|worker| worker.join().expect("a worker"));
        self.received.load(Ordering::Relaxed)
    }
}

/// What a proxy has counted.
#[derive(Debug)]
struct Counted(BTreeMap<String, f64>);

impl Counted {
    fn at(proxy: &Proxy) -> Self {
        let text = wait_for("metrics", || get(proxy.http_address(), "/metrics").ok()).1;
        let samples = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
        Self(samples.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect())
    }

    fn of(&self, name: &str) -> f64 {
        *self.0.get(name).unwrap_or_else(|| panic!("`{name}` is not among the metrics"))
    }

    /// The upper bound of the bucket within which so large a share of the calls since `before` were answered.
    fn quantile_since(&self, before: &Self, share: f64) -> (f64, f64) {
        let bucket = |name: &str| name.strip_prefix("warren_raft_call_seconds_bucket{le=\"")?.strip_suffix("\"}").map(str::to_owned);
        let mut buckets: Vec<(f64, f64)> = self
            .0
            .iter()
            .filter_map(|(name, value)| Some((bucket(name)?.parse().unwrap_or(f64::INFINITY), value - before.0.get(name).unwrap_or(&0.0))))
            .collect();
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        let all = buckets.last().expect("buckets").1;
        let bound = buckets.iter().find(|(_, count)| *count >= all * share).expect("the last holds all").0;
        (bound, all)
    }
}

#[test]
fn raft_leases_and_dials_do_not_wait_behind_bulk() {
    let mut cluster = Cluster::start(PROXIES);
    let (flood, echo) = (Target::flooding(), Target::echo());
    let services = [("flood", flood.address().to_string()), ("echo", echo.address().to_string())];
    let _agents: Vec<_> = (0..PROXIES).map(|entry| cluster.agent(&format!("agent-{entry}"), &[entry], &services)).collect();
    let client = cluster.client("laptop", "*/*");
    let enter = |entry: usize, service: &str| -> Vec<Forward> {
        let targets: Vec<_> = (0..PROXIES).map(|agent| format!("agent-{agent}/{service}")).collect();
        client.forwards(&format!("{service}-{entry}"), &targets, &[cluster.proxy(entry).public_address()])
    };
    let floods: Vec<_> = (0..PROXIES).flat_map(|entry| enter(entry, "flood")).collect();
    let echoes: Vec<_> = (0..PROXIES).flat_map(|entry| enter(entry, "echo")).collect();
    let (term, epochs) = (terms(&cluster), epochs(&cluster));
    let before: Vec<_> = cluster.proxies().iter().map(Counted::at).collect();

    let bulk = Bulk::start(&floods);
    let dialling = Dialling::rotating(echoes);
    let begun = Instant::now();
    let mut registered = 0;
    let mut more = Vec::new();
    while begun.elapsed() < FOR {
        // An agent that comes meanwhile is registered, by a write of the log, and every proxy knows it.
        more.push(cluster.agent(&format!("late-{registered}"), &[registered % PROXIES], &services));
        registered += 1;
        dialling.wait_for_more(1);
    }
    let took = begun.elapsed();
    let after: Vec<_> = cluster.proxies().iter().map(Counted::at).collect();
    let (dials, slowest) = (dialling.succeeded(), dialling.slowest_ms());
    let received = bulk.stop();
    report((took, received), (registered, dials, slowest), &before, &after);

    assert!(received > 10 << 20, "bulk moved: {received} bytes");
    for (before, after) in before.iter().zip(&after) {
        // A heartbeat that is late is followed by the next one; a renewal that is late is what leases are lost by.
        assert_eq!(after.of("warren_lease_renewals_missed"), before.of("warren_lease_renewals_missed"), "a renewal was missed");
        assert_eq!(after.of("warren_lease_held"), 1.0);
        assert_eq!(after.of("warren_raft_term"), before.of("warren_raft_term"), "no election");
    }
    assert_eq!((terms(&cluster), self::epochs(&cluster)), (term, epochs), "no election and no lease lost");
    assert_eq!(dialling.failures(), [""; 0]);
    cluster.wait_healthy();
}

/// The term as each proxy has it.
fn terms(cluster: &Cluster) -> Vec<u64> {
    cluster.proxies().iter().map(|proxy| proxy.status().expect("an answer")["term"].as_u64().expect("a term")).collect()
}

/// The epochs of all proxies, as the first has them: a lost lease ends one.
fn epochs(cluster: &Cluster) -> Vec<Option<u64>> {
    let status = cluster.proxy(0).status().expect("an answer");
    status["proxies"].as_array().expect("proxies").iter().map(|row| row["epoch"].as_u64()).collect()
}

#[expect(clippy::print_stderr, reason = "a measured figure is shown with the test's output")]
fn report((took, received): (Duration, u64), (registered, dials, slowest): (usize, usize, usize), before: &[Counted], after: &[Counted]) {
    let rate = received / 1_000_000 * 1000 / u64::try_from(took.as_millis()).expect("short").max(1);
    eprintln!(
        "{STREAMS} streams both ways for {took:.1?}: {rate} MB/s came back; {registered} agents registered, {dials} dials answered, the slowest in {slowest} ms"
    );
    for (number, (before, after)) in before.iter().zip(after).enumerate() {
        let (median, calls) = after.quantile_since(before, 0.5);
        let (p99, _) = after.quantile_since(before, 0.99);
        let failed = after.of("warren_raft_calls_failed_total") - before.of("warren_raft_calls_failed_total");
        eprintln!(
            "proxy-{}: {calls} calls of Raft's, p50 within {median} s, p99 within {p99} s, {failed} without an answer in time",
            number + 1
        );
    }
}
