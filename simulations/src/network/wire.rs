//! What is under way between hosts.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::counts::Counts;
use super::pipe::End;
use super::rules::{Active, Fate, Rule, RuleId, base, decide};
use super::translation::Translation;
use crate::trace::Trace;

/// What a socket keeps for its reader, in bytes, as `[transport] udp_buffer` asks of a kernel.
const SOCKET_BUFFER: usize = 4 << 20;
/// The first port that is given where none is asked for.
const FIRST_PORT: u16 = 40_000;

/// A simulated machine; there are at most 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HostId(pub u8);

impl HostId {
    /// Its address.
    pub fn ip(self) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(10, 0, 0, self.0 + 1))
    }

    /// The host of an address.
    pub fn of(ip: IpAddr) -> Option<Self> {
        match ip.to_canonical() {
            IpAddr::V4(v4) => match v4.octets() {
                [10, 0, 0, last] if (1..=64).contains(&last) => Some(Self(last - 1)),
                _ => None,
            },
            IpAddr::V6(_) => None,
        }
    }
}

/// A datagram that has come to a socket.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) from: SocketAddr,
    pub(super) bytes: Arc<[u8]>,
}

/// A bound socket.
#[derive(Debug, Default)]
struct Socket {
    /// Which one of those that have had its address.
    number: u64,
    queue: VecDeque<Arrived>,
    queued: usize,
    reader: Option<Waker>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct UnderWay {
    at_us: u64,
    number: u64,
    from: SocketAddr,
    to: SocketAddr,
    bytes: Arc<[u8]>,
}

/// Where byte streams are accepted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Address(SocketAddr),
    File(HostId, PathBuf),
}

pub(super) type Accepting = mpsc::UnboundedSender<(End, SocketAddr)>;

/// A datagram that waits: from where, to where, and its bytes.
type Held = (SocketAddr, SocketAddr, Arc<[u8]>);

#[derive(Debug)]
struct State {
    now_us: u64,
    latency: Duration,
    rng: StdRng,
    rules: Vec<Active>,
    held: BTreeMap<RuleId, Vec<Held>>,
    next_rule: u64,
    translation: Translation,
    sockets: BTreeMap<SocketAddr, Socket>,
    ports: BTreeMap<HostId, u16>,
    under_way: BinaryHeap<Reverse<UnderWay>>,
    number: u64,
    latest: BTreeMap<(HostId, HostId), u64>,
    listeners: BTreeMap<Place, Accepting>,
    /// Hosts from which nothing leaves any more.
    dead: BTreeSet<HostId>,
    counts: Counts,
    trace: Trace,
}

/// The network between all hosts. Clones are the same network.
#[derive(Clone, Debug)]
pub struct Network(Arc<Mutex<State>>);

impl Network {
    /// A network on which a datagram takes `latency` and up to a quarter more.
    pub fn new(seed: u64, latency: Duration, trace: Trace) -> Self {
        Self(Arc::new(Mutex::new(State {
            now_us: 0,
            latency,
            rng: StdRng::seed_from_u64(seed),
            rules: Vec::new(),
            held: BTreeMap::new(),
            next_rule: 0,
            translation: Translation::default(),
            sockets: BTreeMap::new(),
            ports: BTreeMap::new(),
            under_way: BinaryHeap::new(),
            number: 0,
            latest: BTreeMap::new(),
            listeners: BTreeMap::new(),
            dead: BTreeSet::new(),
            counts: Counts::default(),
            trace,
        })))
    }

    /// From now on the rule holds.
    pub fn impose(&self, rule: Rule) -> RuleId {
        let mut state = self.lock();
        state.next_rule += 1;
        let id = RuleId(state.next_rule);
        state.rules.push(Active::new(id, rule));
        id
    }

    /// The rule holds no more; what it held comes now.
    pub fn lift(&self, id: RuleId) {
        let mut state = self.lock();
        state.rules.retain(|active| active.id != id);
        for (from, to, bytes) in state.held.remove(&id).unwrap_or_default() {
            state.travel(from, to, bytes, 0);
        }
    }

    /// Every socket of the host is seen under another address from now on.
    pub fn rebind(&self, host: HostId) {
        let mut state = self.lock();
        let sockets: Vec<_> = state.sockets.keys().filter(|socket| socket.ip() == host.ip()).copied().collect();
        for socket in sockets {
            state.translation.rebind(host, socket);
        }
    }

    /// From now on nothing leaves the host, and nobody listens there: its process has ended.
    pub fn kill(&self, host: HostId) {
        let mut state = self.lock();
        state.dead.insert(host);
        state.sockets.retain(|socket, _| socket.ip() != host.ip());
        state.listeners.retain(|place, _| match place {
            Place::Address(address) => address.ip() != host.ip(),
            Place::File(of, _) => *of != host,
        });
    }

    /// The host is there again.
    pub fn revive(&self, host: HostId) {
        self.lock().dead.remove(&host);
    }

    /// Moves the clock, and delivers what has come by then.
    pub fn advance(&self, now_us: u64) {
        let wakers = self.lock().advance(now_us);
        // A waker may come back here.
        wakers.into_iter().for_each(Waker::wake);
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        self.lock().counts.clone()
    }

    /// How many sockets and listeners a host has.
    pub fn open(&self, host: HostId) -> usize {
        let state = self.lock();
        let sockets = state.sockets.keys().filter(|socket| socket.ip() == host.ip()).count();
        sockets + state.listeners.keys().filter(|place| matches!(place, Place::Address(address) if address.ip() == host.ip())).count()
    }

    pub(super) fn bind(&self, host: HostId, listen: SocketAddr) -> io::Result<(SocketAddr, u64)> {
        let mut state = self.lock();
        let address = state.free(host, listen, |state, address| state.sockets.contains_key(&address))?;
        state.number += 1;
        let number = state.number;
        state.sockets.insert(address, Socket { number, ..Socket::default() });
        Ok((address, number))
    }

    pub(super) fn unbind(&self, address: SocketAddr, number: u64) {
        let mut state = self.lock();
        // What a process has left behind does not take away what the next one has.
        if state.sockets.get(&address).is_some_and(|socket| socket.number == number) {
            state.sockets.remove(&address);
        }
    }

    pub(super) fn listen(&self, host: HostId, listen: SocketAddr, accepting: Accepting) -> io::Result<SocketAddr> {
        let mut state = self.lock();
        let address = state.free(host, listen, |state, address| state.listeners.contains_key(&Place::Address(address)))?;
        state.listeners.insert(Place::Address(address), accepting);
        Ok(address)
    }

    pub(super) fn listen_at(&self, place: Place, accepting: Accepting) {
        self.lock().listeners.insert(place, accepting);
    }

    pub(super) fn unlisten(&self, place: &Place) {
        self.lock().listeners.remove(place);
    }

    pub(super) fn accepting(&self, place: &Place) -> Option<Accepting> {
        self.lock().listeners.get(place).filter(|accepting| !accepting.is_closed()).cloned()
    }

    pub(super) fn send(&self, host: HostId, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.lock().send(host, from, to, bytes);
    }

    /// The next datagram of a socket, or nothing and a wake-up when there is one.
    pub(super) fn receive(&self, (socket, number): (SocketAddr, u64), waker: &Waker) -> Option<Arrived> {
        let mut state = self.lock();
        let socket = state.sockets.get_mut(&socket).filter(|socket| socket.number == number)?;
        let arrived = socket.queue.pop_front();
        match &arrived {
            Some(arrived) => socket.queued -= arrived.bytes.len(),
            None => socket.reader = Some(waker.clone()),
        }
        arrived
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The address that is asked for, with a port that nobody has.
    fn free(&mut self, host: HostId, asked: SocketAddr, taken: impl Fn(&Self, SocketAddr) -> bool) -> io::Result<SocketAddr> {
        if asked.is_ipv6() {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        if !asked.ip().is_unspecified() && !asked.ip().is_loopback() && asked.ip() != host.ip() {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        if asked.port() != 0 {
            let address = SocketAddr::new(host.ip(), asked.port());
            return if taken(self, address) { Err(io::ErrorKind::AddrInUse.into()) } else { Ok(address) };
        }
        loop {
            let next = self.ports.entry(host).or_insert(FIRST_PORT);
            let address = SocketAddr::new(host.ip(), *next);
            *next = next.checked_add(1).filter(|port| *port < 50_000).unwrap_or(FIRST_PORT);
            if !taken(self, address) {
                return Ok(address);
            }
        }
    }

    fn send(&mut self, host: HostId, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        if self.dead.contains(&host) {
            return;
        }
        self.counts.sent += 1;
        let (from, to) = (self.translation.outside(from), SocketAddr::new(to.ip().to_canonical(), to.port()));
        let Some(target) = HostId::of(to.ip()) else {
            self.counts.nowhere += 1;
            return;
        };
        let Self { rules, rng, latency, now_us, .. } = self;
        let base_us = if target == host { 0 } else { base(*latency, rng) };
        let fate = decide(rules, (host, target), bytes.len(), (*now_us, base_us), rng);
        self.trace.packet(format_args!("{from} {to} {} {fate:?}", bytes.len()));
        match fate {
            Fate::Travels { after_us, again_after_us, wrong_byte } => {
                let latest = self.latest.entry((host, target)).or_default();
                // A path keeps the order, unless a rule delays each by itself.
                let after_us = if after_us == base_us { after_us.max(latest.saturating_sub(self.now_us)) } else { after_us };
                let at = self.now_us + after_us;
                self.counts.reordered += u64::from(at < *latest);
                *latest = at.max(*latest);
                let mut bytes = bytes.to_vec();
                if let Some(wrong) = wrong_byte.and_then(|at| bytes.get_mut(at)) {
                    *wrong ^= 1 << self.rng.random_range(0..8);
                    self.counts.corrupted += 1;
                }
                let bytes: Arc<[u8]> = bytes.into();
                if let Some(again) = again_after_us {
                    self.counts.doubled += 1;
                    self.travel(from, to, bytes.clone(), again);
                }
                self.travel(from, to, bytes, after_us);
            }
            Fate::Waits(rule) => {
                self.counts.held += 1;
                self.held.entry(rule).or_default().push((from, to, bytes.into()));
            }
            Fate::Lost => self.counts.lost += 1,
            Fate::Cut => self.counts.cut += 1,
            Fate::TooLarge => self.counts.too_large += 1,
        }
    }

    fn travel(&mut self, from: SocketAddr, to: SocketAddr, bytes: Arc<[u8]>, after_us: u64) {
        self.number += 1;
        self.under_way.push(Reverse(UnderWay { at_us: self.now_us + after_us, number: self.number, from, to, bytes }));
    }

    fn advance(&mut self, now_us: u64) -> Vec<Waker> {
        self.now_us = now_us;
        let mut wakers = Vec::new();
        while self.under_way.peek().is_some_and(|Reverse(first)| first.at_us <= now_us) {
            let Some(Reverse(UnderWay { from, to, bytes, .. })) = self.under_way.pop() else { break };
            let socket = self.translation.inside(to).and_then(|inside| self.sockets.get_mut(&inside));
            let Some(socket) = socket else {
                self.counts.nowhere += 1;
                continue;
            };
            if socket.queued + bytes.len() > SOCKET_BUFFER {
                self.counts.overflowed += 1;
                continue;
            }
            self.counts.delivered += 1;
            self.counts.bytes += bytes.len() as u64;
            socket.queued += bytes.len();
            socket.queue.push_back(Arrived { from, bytes });
            wakers.extend(socket.reader.take());
        }
        wakers
    }
}
