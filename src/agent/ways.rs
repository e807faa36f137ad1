//! The ways to proxies that have failed, and when each is worth another try. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::Rng;
use tokio::time::Instant;
use warren_raft::ProxyId;

use crate::net::Backoff;
use crate::wire::Member;
use crate::wire::tunnel::{MAX_OBSTACLES, MAX_REASON, Obstacle};

/// The waits before a way that failed is tried again.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));
/// The waits before a further tunnel is tried beside those that wait for a quorum.
const ELSEWHERE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// How long a tunnel must have lived for its way to be a good one. One that is lost sooner, time and again, is tried less and less often.
const PROVEN: Duration = Duration::from_secs(10);
/// From how many failures in a row on a proxy counts as out of reach by its own addresses.
const UNREACHABLE: u32 = 3;
/// The shortest and the longest wait between two draws at an address behind which there are many proxies.
const DRAW: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(30));
/// By how much the wait grows with each draw in vain, in a cluster of at most [`DRAW_PROXIES`]; in a larger one more slowly, as more draws are needed.
const DRAW_GROWTH: f64 = 1.25;
/// See [`DRAW_GROWTH`].
const DRAW_PROXIES: usize = 4;

/// The key of a way: a proxy, or the configured addresses.
pub(super) type WayKey = Option<ProxyId>;

/// A way that failed: how often, why, and when it may be tried again.
#[derive(Debug)]
struct Failing {
    backoff: Backoff,
    failures: u32,
    reason: String,
    until: Instant,
}

/// All that have failed.
#[derive(Debug, Default)]
pub(super) struct Ways {
    failing: BTreeMap<WayKey, Failing>,
    elsewhere: Option<(Backoff, Instant)>,
    /// Addresses at which another proxy than the one that was meant has answered: behind each there may be many.
    shared: BTreeSet<String>,
    /// Draws in vain since the last good one.
    draws: u32,
    next_draw: Option<Instant>,
}

impl Ways {
    /// Whether the way failed a moment ago.
    pub(super) fn is_blocked(&self, way: WayKey, now: Instant) -> bool {
        self.failing.get(&way).is_some_and(|failing| failing.until > now)
    }

    /// Whether a proxy does not answer at its own addresses.
    pub(super) fn is_unreachable(&self, proxy: ProxyId) -> bool {
        self.failing.get(&Some(proxy)).is_some_and(|failing| failing.failures >= UNREACHABLE)
    }

    /// Notes that a way failed, and why. It is tried again after a wait that grows, and not before `retry_after`.
    pub(super) fn failed(&mut self, way: WayKey, (reason, retry_after): (&str, Option<Duration>), now: Instant, rng: &mut impl Rng) {
        let failing = self.failing.entry(way).or_insert_with(|| Failing {
            backoff: Backoff::new(BACKOFF.0, BACKOFF.1),
            failures: 0,
            reason: String::new(),
            until: now,
        });
        failing.failures = failing.failures.saturating_add(1);
        failing.reason = shortened(reason);
        failing.until = now + failing.backoff.next(rng).max(retry_after.unwrap_or_default());
    }

    /// Notes that a way led to a tunnel.
    pub(super) fn worked(&mut self, way: WayKey, now: Instant) {
        if let Some(failing) = self.failing.get_mut(&way) {
            (failing.failures, failing.until) = (0, now);
        }
        self.draws = 0;
    }

    /// Notes how long a tunnel has lived that came about by this way.
    pub(super) fn lived(&mut self, way: WayKey, lived: Duration) {
        if lived >= PROVEN {
            self.failing.remove(&way);
        }
    }

    /// Forgets what concerns none of these proxies.
    pub(super) fn forget_all_but(&mut self, proxies: &[Member]) {
        self.failing.retain(|way, _| way.is_none_or(|id| proxies.iter().any(|proxy| proxy.id == id)));
    }

    /// When the first way may be tried that may not be now.
    pub(super) fn next_try(&self, now: Instant) -> Option<Instant> {
        let elsewhere = self.elsewhere.as_ref().map(|(_, until)| *until);
        let failing = self.failing.values().map(|failing| failing.until);
        failing.chain(elsewhere).chain(self.next_draw).filter(|until| *until > now).min()
    }

    /// Why ways do not work now, those to proxies first.
    pub(super) fn obstacles(&self) -> Vec<Obstacle> {
        let failing = self.failing.iter().rev().filter(|(_, failing)| failing.failures > 0);
        failing.map(|(proxy, failing)| Obstacle { proxy: *proxy, reason: failing.reason.clone() }).take(MAX_OBSTACLES).collect()
    }
}

/// Tunnels beside those that wait for a quorum.
impl Ways {
    /// Whether the next one has to wait.
    pub(super) fn is_elsewhere_blocked(&self, now: Instant) -> bool {
        self.elsewhere.as_ref().is_some_and(|(_, until)| *until > now)
    }

    /// Notes that one more tunnel waits: the next may be tried after `least` and a wait that grows.
    pub(super) fn waits(&mut self, least: Duration, now: Instant, rng: &mut impl Rng) {
        let (backoff, until) = self.elsewhere.get_or_insert_with(|| (Backoff::new(ELSEWHERE.0, ELSEWHERE.1), now));
        *until = now + least + backoff.next(rng);
    }

    /// Notes that none waits any more.
    pub(super) fn none_waits(&mut self) {
        self.elsewhere = None;
    }
}

/// Addresses with many proxies behind them.
impl Ways {
    /// Notes that another proxy than the one that was meant has answered at this address.
    pub(super) fn is_shared(&mut self, address: &str) {
        if self.shared.len() < super::placement::MAX_TUNNELS {
            self.shared.insert(address.to_owned());
        }
    }

    /// Whether one of these is such an address. A balancer that tells its flows apart by the port they come from would lead to the same proxy each time, so
    /// that each draw needs a port of its own.
    pub(super) fn is_draw(&self, addresses: &[String]) -> bool {
        addresses.iter().any(|address| self.shared.contains(address))
    }

    /// Whether a tunnel to this proxy would be a draw, and the next draw has to wait.
    pub(super) fn must_wait_to_draw(&self, proxy: &Member, now: Instant) -> bool {
        self.next_draw.is_some_and(|until| until > now) && self.is_draw(&proxy.public_addresses)
    }

    /// Notes that a draw is made, among so many proxies.
    pub(super) fn draws(&mut self, proxies: usize, now: Instant, rng: &mut impl Rng) {
        let grown = f64::from(self.draws) * DRAW_PROXIES as f64 / proxies.max(DRAW_PROXIES) as f64;
        let bound = DRAW.0.mul_f64(DRAW_GROWTH.powf(grown).min(DRAW.1.as_secs_f64() / DRAW.0.as_secs_f64()));
        self.draws = self.draws.saturating_add(1);
        self.next_draw = Some(now + bound.mul_f64(rng.random_range(0.5..=1.0)));
    }
}

/// At most [`MAX_REASON`] bytes of a reason.
fn shortened(reason: &str) -> String {
    let end = (0..=reason.len().min(MAX_REASON)).rev().find(|end| reason.is_char_boundary(*end)).unwrap_or(0);
    reason[..end].to_owned()
}
