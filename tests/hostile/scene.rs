//! Two proxies, whoever behaves, and what is measured while somebody does not.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use quinn::Connection;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::support::{Agent, Client, Forward, LONG, Proxy, Shared, SharedCluster, Target, exchange, get, random_bytes, wait_for};

/// Everything as it is by default, but that a test need not wait as long for what is cut in the end.
static CLUSTER: SharedCluster = SharedCluster::configured(2, IMPATIENT);
/// The same for whoever leaves much free memory behind, in which what comes later would not be seen.
static APART: SharedCluster = SharedCluster::configured(2, IMPATIENT);
const IMPATIENT: &str = "[limits]\nhandshake_timeout = \"2s\"\nheader_timeout = \"2s\"\n";
/// What each process had at first, by its number: freed memory is not given back, so that only this shows what was taken.
static AT_FIRST: Mutex<BTreeMap<u32, u64>> = Mutex::new(BTreeMap::new());
/// One attack at a time: each is measured.
static ALONE: Mutex<()> = Mutex::new(());

/// Dials that are measured before anything happens.
const BEFORE: usize = 40;
/// At least so many are measured meanwhile.
const MEANWHILE: usize = 20;
/// How much longer a dial may take meanwhile, at the median. The attackers share the machine's two cores with the proxies and are not paced.
const SLOWER: u32 = 25;
/// What no measure of a dial is exact to.
const NOISE: Duration = Duration::from_millis(5);
/// The default of `connections_per_identity`.
const CONNECTIONS: usize = 128;
/// How often a state is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// A mebibyte.
pub(crate) const MIB: u64 = 1 << 20;

/// Who behaves: an agent `good` at the second proxy with an echo, and a client that enters at the first.
pub(crate) struct Scene {
    pub(crate) cluster: Shared,
    client: Client,
    ports: [SocketAddr; 2],
    forward: Forward,
    _agent: Agent,
    _echo: Target,
    _alone: MutexGuard<'static, ()>,
}

/// What an attack may cost each proxy at the most.
#[derive(Clone, Copy)]
pub(crate) struct Bound {
    /// Bytes of memory, beyond what it had at first.
    pub(crate) memory: u64,
    /// Descriptors beyond those.
    pub(crate) descriptors: usize,
}

impl Scene {
    /// Sets it up; `name` is another one for each test.
    pub(crate) fn new(name: &str) -> Self {
        Self::of(&CLUSTER, name)
    }

    /// The same in a cluster of its own.
    pub(crate) fn apart(name: &str) -> Self {
        Self::of(&APART, name)
    }

    fn of(cluster: &SharedCluster, name: &str) -> Self {
        // The share first: whoever waits for its turn keeps the cluster up.
        let cluster = cluster.get();
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let (echo, agent) = (Target::echo(), format!("good-{name}"));
        let agent_runs = cluster.agent(&agent, &[1], &[("echo", echo.address().to_string())]);
        let client = cluster.client(&agent, &format!("{agent}/*"));
        // Asked once: to tell, a proxy asks its peers, and one that does not answer is waited for.
        let ports = [cluster.proxy(0).public_address(), cluster.proxy(0).peer_address()];
        let forward = client.forward(&agent, &format!("{agent}/echo"), &ports[..1]);
        Self { cluster, client, ports, forward, _agent: agent_runs, _echo: echo, _alone: alone }
    }

    /// The proxy that is attacked.
    pub(crate) fn proxy(&self) -> &Proxy {
        self.cluster.proxy(0)
    }

    /// Its port for agents and clients, and that for peers.
    pub(crate) fn ports(&self) -> [SocketAddr; 2] {
        self.ports
    }

    /// A number of the attacked proxy's.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let (_, text) = get(self.proxy().http_address(), "/metrics").expect("an answer");
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name}: {text}"));
        line.rsplit(' ').next().and_then(|value| value.parse().ok()).expect("a number")
    }

    /// How often a limit was reached.
    pub(crate) fn reached(&self, limit: &str) -> u64 {
        self.metric(&format!("warren_limit_reached_total{{limit=\"{limit}\"}}"))
    }

    /// Raft's term: each election begins a new one.
    pub(crate) fn term(&self) -> u64 {
        self.metric("warren_raft_term")
    }

    /// Runs `attack` and dials meanwhile, over a connection that was there before and over new ones: no dial fails, none takes much longer than before, and no proxy
    /// takes more than `bound`. Nobody is elected for it either.
    pub(crate) fn endures<T: Send>(&self, bound: Bound, attack: impl FnOnce() -> T + Send) -> T {
        self.dial();
        let (before, term) = (median((0..BEFORE).map(|_| self.dial()).collect()), self.term());
        let costs: Vec<_> = self.cluster.proxies().iter().map(Cost::begin).collect();
        let is_over = AtomicBool::new(false);
        let (times, done) = thread::scope(|scope| {
            let attacking = scope.spawn(|| {
                let over = Over(&is_over);
                let done = attack();
                drop(over);
                done
            });
            let mut times = Vec::new();
            while times.len() < MEANWHILE || !is_over.load(Ordering::SeqCst) {
                times.extend((0..5).map(|_| self.dial()));
                self.dial_anew();
            }
            (times, attacking.join().expect("an attack"))
        });
        let meanwhile = median(times);
        assert!(meanwhile <= before.max(NOISE) * SLOWER, "a dial took {before:?} before and {meanwhile:?} meanwhile");
        costs.into_iter().for_each(|cost| cost.must_be_within(bound));
        assert_eq!(self.term(), term, "somebody was elected meanwhile");
        done
    }

    /// A dial over the connection that is there.
    fn dial(&self) -> Duration {
        let (bytes, begun) = (random_bytes(7, 1000), Instant::now());
        let back = self.forward.try_connect().and_then(|stream| exchange(&stream, &bytes));
        let back = back.unwrap_or_else(|error| panic!("a dial failed: {error}: {}", self.forward.last_words()));
        assert!(back == bytes, "{} bytes came back: {}", back.len(), self.forward.last_words());
        begun.elapsed()
    }

    /// A dial over a connection of its own.
    fn dial_anew(&self) {
        let target = self.forward.target();
        assert_eq!(self.client.connect_at(target, self.ports[0], b"hello").must_succeed(), b"hello");
    }

    /// Waits until a count is what it is to be.
    pub(crate) fn wait_until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        wait_for(what, || is_so(self).then_some(()));
    }
}

/// Waits until no more of an identity's connections live than may.
pub(crate) async fn thinned(open: &mut Vec<Connection>) {
    let mut ends: JoinSet<_> = open.iter().cloned().map(|connection| async move { connection.closed().await }).collect();
    let thinned = async {
        loop {
            open.retain(|connection| connection.close_reason().is_none());
            if open.len() <= CONNECTIONS {
                return;
            }
            ends.join_next().await;
        }
    };
    let in_time = tokio::time::timeout(LONG, thinned).await;
    assert!(in_time.is_ok(), "{} connections live", open.len());
}

/// Looks until it is so, while everything else on this thread goes on.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let looking = async {
        while !is_so() {
            tokio::time::sleep(LOOK).await;
        }
    };
    let in_time = tokio::time::timeout(LONG, looking).await;
    assert!(in_time.is_ok(), "{what}: not within {LONG:?}");
}

/// Notes that it is over, however it ends.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// What a process had at first and has open now, to be compared with the most that it has from here on.
struct Cost {
    name: String,
    pid: u32,
    memory: u64,
    descriptors: usize,
}

impl Cost {
    fn begin(proxy: &Proxy) -> Self {
        let pid = proxy.pid().expect("it runs");
        // Linux then counts the peak from here on.
        std::fs::write(format!("/proc/{pid}/clear_refs"), "5").expect("it is this user's");
        let mut at_first = AT_FIRST.lock().unwrap_or_else(PoisonError::into_inner);
        let memory = *at_first.entry(pid).or_insert_with(|| memory(pid, "VmRSS:"));
        Self { name: proxy.name().to_owned(), pid, memory, descriptors: descriptors(pid) }
    }

    fn must_be_within(self, bound: Bound) {
        let Self { name, pid, memory: before, descriptors: open } = self;
        let (peak, now) = (memory(pid, "VmHWM:"), descriptors(pid));
        let more = peak.saturating_sub(before);
        assert!(more <= bound.memory, "{name} took {} MiB more than the {} at first", more / MIB, before / MIB);
        assert!(now <= open + bound.descriptors, "{name} has {now} descriptors, and {open} before");
    }
}

/// The memory of a process, by the name that Linux has for it, in bytes.
pub(crate) fn memory(pid: u32, what: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(what)).expect("Linux says it");
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("a number") * 1024
}

/// How many descriptors a process has open.
pub(crate) fn descriptors(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).expect("it is this user's").count()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Runs an attack that does many things at once.
pub(crate) fn at_once<T>(attack: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(attack)
}
