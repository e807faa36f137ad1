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
/// How many tries in a row may be in vain before each further one waits, whichever way it takes: where all proxies are busy, as after a power cut, an agent must not knock at one after
/// the other.
const FREE: u32 = 4;
/// The waits between those tries.
const BREATH: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(1));
/// The shortest and the longest wait of an agent that was removed: only an operator can undo that, and only with a new identity.
const REMOVED: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(60));
/// The shortest and the longest wait between two draws at an address behind which there are many proxies.
const DRAW: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(30));
/// By how much the wait grows with each draw in vain, in a cluster of at most [`DRAW_PROXIES`]; in a larger one more slowly, as more draws are needed.
const DRAW_GROWTH: f64 = 1.25;
/// See [`DRAW_GROWTH`].
const DRAW_PROXIES: usize = 4;

/// Why the configured addresses led to no further tunnel although they answered.
pub(super) const HELD: &str = "only proxies that are held already have answered";

/// The key of a way: a proxy, or the configured addresses.
pub(super) type WayKey = Option<ProxyId>;

/// A way that failed: how often, why, and when it may be tried again.
#[derive(Debug)]
struct Failing {
    backoff: Backoff,
    failures: u32,
    reason: String,
    until: Instant,
    /// When it is over that a proxy wanted to be left alone.
    refused: Option<Instant>,
}

/// All that have failed.
#[derive(Debug, Default)]
pub(super) struct Ways {
    failing: BTreeMap<WayKey, Failing>,
    elsewhere: Option<(Backoff, Instant)>,
    /// Tries in vain in a row, of all ways.
    in_vain: u32,
    /// The waits since there were too many, and until when the last one is.
    breath: Option<(Backoff, Instant)>,
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

    /// Whether a proxy wants to be left alone, by whichever way.
    pub(super) fn is_refused(&self, proxy: ProxyId, now: Instant) -> bool {
        self.failing.get(&Some(proxy)).and_then(|failing| failing.refused).is_some_and(|until| until > now)
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
            refused: None,
        });
        failing.failures = failing.failures.saturating_add(1);
        failing.reason = shortened(reason);
        failing.refused = retry_after.map(|after| now + after);
        failing.until = now + failing.backoff.next(rng).max(retry_after.unwrap_or_default());
    }

    /// Notes that a try led to no tunnel, by whichever way: beyond a number of those in a row the next one waits.
    pub(super) fn tried_in_vain(&mut self, now: Instant, rng: &mut impl Rng) {
        self.in_vain = self.in_vain.saturating_add(1);
        if self.in_vain >= FREE {
            let (backoff, until) = self.breath.get_or_insert_with(|| (Backoff::new(BREATH.0, BREATH.1), now));
            *until = now + backoff.next(rng);
        }
    }

    /// Notes that this machine was removed: every way waits.
    pub(super) fn removed(&mut self, now: Instant, rng: &mut impl Rng) {
        let (_, until) = self.breath.get_or_insert_with(|| (Backoff::new(BREATH.0, BREATH.1), now));
        *until = now + rng.random_range(REMOVED.0..=REMOVED.1);
    }

    /// Whether so many have failed that none is tried now.
    pub(super) fn is_out_of_breath(&self, now: Instant) -> bool {
        self.breath.as_ref().is_some_and(|(_, until)| *until > now)
    }

    /// Notes that a way led to a tunnel.
    pub(super) fn worked(&mut self, way: WayKey, now: Instant) {
        if let Some(failing) = self.failing.get_mut(&way) {
            (failing.failures, failing.until) = (0, now);
        }
        (self.draws, self.in_vain, self.breath) = (0, 0, None);
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
        let breath = self.breath.as_ref().map(|(_, until)| *until);
        let failing = self.failing.values().map(|failing| failing.until);
        failing.chain(elsewhere).chain(breath).chain(self.next_draw).filter(|until| *until > now).min()
    }

    /// Why ways do not work now, those to proxies first. Configured addresses that answer are not in the way where a proxy is.
    pub(super) fn obstacles(&self) -> Vec<Obstacle> {
        let fails = |failing: &Failing| failing.failures > 0;
        let is_told = self.failing.iter().any(|(way, failing)| way.is_some() && fails(failing));
        let tells = |(way, failing): &(&WayKey, &Failing)| fails(failing) && !(is_told && way.is_none() && failing.reason == HELD);
        let failing = self.failing.iter().rev().filter(tells);
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

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::wire::MemberState;

    const ONE: WayKey = Some(ProxyId(1));

    fn rng() -> StdRng {
        StdRng::seed_from_u64(1)
    }

    fn member(id: u64, address: &str) -> Member {
        let (name, zone, peer_address) = (String::new(), String::new(), String::new());
        Member { id: ProxyId(id), name, peer_address, public_addresses: vec![address.to_owned()], zone, state: MemberState::Up, tunnels: 0 }
    }

    #[test]
    fn a_way_waits_no_longer_than_its_backoff_and_as_long_as_it_was_told() {
        let (mut ways, mut rng, now) = (Ways::default(), rng(), Instant::now());
        for failure in 0..20_u32 {
            ways.failed(ONE, ("silent", None), now, &mut rng);
            let bound = BACKOFF.0.saturating_mul(1 << failure.min(10)).min(BACKOFF.1);
            assert!(!ways.is_blocked(ONE, now + bound), "failure {failure}");
            assert!(!ways.is_blocked(None, now), "other ways are not concerned");
        }
        let told = Duration::from_secs(60);
        ways.failed(ONE, ("busy", Some(told)), now, &mut rng);
        assert!(ways.is_blocked(ONE, now + told - Duration::from_millis(1)));
        assert!(ways.is_refused(ProxyId(1), now) && !ways.is_refused(ProxyId(1), now + told));
        assert_eq!(ways.next_try(now), Some(now + told));
        assert!(!ways.is_blocked(ONE, now + told));
        assert_eq!(ways.next_try(now + told), None);
    }

    /// In a large cluster that refuses everybody for a while, the ways of an agent must not make as many tries as there are proxies.
    #[test]
    fn after_many_failures_in_a_row_every_way_waits() {
        let (mut ways, mut rng, start) = (Ways::default(), rng(), Instant::now());
        let (mut now, mut tries) = (start, 0_u64);
        while now < start + Duration::from_secs(10) {
            if ways.is_out_of_breath(now) {
                now = ways.next_try(now).expect("it goes on");
                continue;
            }
            ways.tried_in_vain(now, &mut rng);
            tries += 1;
            assert!(tries < u64::from(FREE) || ways.next_try(now).is_some_and(|next| next <= now + BREATH.1), "it does not give up");
            assert!(tries >= u64::from(FREE) || !ways.is_out_of_breath(now), "a few are tried at once");
        }
        assert!((u64::from(FREE) + 10..60).contains(&tries), "{tries} tries in 10 s");
        ways.worked(ONE, now);
        assert!(!ways.is_out_of_breath(now));
    }

    #[test]
    fn an_agent_that_was_removed_tries_about_once_a_minute() {
        let (mut ways, mut rng, now) = (Ways::default(), rng(), Instant::now());
        for _ in 0..100 {
            ways.failed(ONE, ("the identity is revoked", None), now, &mut rng);
            ways.tried_in_vain(now, &mut rng);
            ways.removed(now, &mut rng);
            assert!(ways.is_out_of_breath(now + REMOVED.0 - Duration::from_millis(1)) && !ways.is_out_of_breath(now + REMOVED.1));
        }
        ways.worked(ONE, now);
        assert!(!ways.is_out_of_breath(now), "it was wrong");
    }

    /// A tunnel that is welcomed and lost, time and again, must not be tried faster and faster for it.
    #[test]
    fn only_a_tunnel_that_lasts_makes_its_way_a_good_one() {
        let (mut ways, mut rng, now) = (Ways::default(), rng(), Instant::now());
        let mut longest = Duration::ZERO;
        for _ in 0..12 {
            ways.failed(ONE, ("lost", None), now, &mut rng);
            longest = longest.max(ways.next_try(now).map_or(Duration::ZERO, |at| at - now));
            ways.worked(ONE, now);
            assert!(!ways.is_blocked(ONE, now) && ways.obstacles().is_empty());
            ways.lived(ONE, PROVEN - Duration::from_secs(1));
        }
        assert!(longest > Duration::from_secs(1), "{longest:?}");
        ways.lived(ONE, PROVEN);
        ways.failed(ONE, ("lost", None), now, &mut rng);
        assert!(!ways.is_blocked(ONE, now + BACKOFF.0), "it begins anew");
    }

    #[test]
    fn three_failures_in_a_row_make_a_proxy_unreachable() {
        let (mut ways, mut rng, now) = (Ways::default(), rng(), Instant::now());
        for expected in [false, false, true] {
            ways.failed(ONE, ("silent", None), now, &mut rng);
            assert_eq!(ways.is_unreachable(ProxyId(1)), expected);
        }
        ways.worked(ONE, now);
        assert!(!ways.is_unreachable(ProxyId(1)));
        ways.failed(ONE, ("silent", None), now, &mut rng);
        ways.forget_all_but(&[member(2, "b:1")]);
        assert!(!ways.is_blocked(ONE, now), "it is not in the cluster any more");
    }

    /// Behind a balancer each tunnel is a draw. N proxies take about N ln N draws in all, which must neither be a storm nor take for ever.
    #[test]
    fn draws_are_paced_and_do_not_hold_up_other_addresses() {
        let (mut ways, mut rng, start) = (Ways::default(), rng(), Instant::now());
        let (shared, own) = (member(1, "balancer:3024"), member(2, "proxy-2:3024"));
        assert!(!ways.is_draw(&shared.public_addresses));
        ways.is_shared("balancer:3024");
        assert!(ways.is_draw(&shared.public_addresses) && !ways.is_draw(&own.public_addresses));
        for (proxies, draws, seconds) in [(3, 6, 1..4), (10, 30, 5..60), (100, 460, 60..3_000)] {
            let mut now = start;
            for _ in 0..draws {
                ways.draws(proxies, now, &mut rng);
                assert!(ways.must_wait_to_draw(&shared, now) && !ways.must_wait_to_draw(&own, now));
                let next = ways.next_try(now).expect("a next draw");
                assert!(next - now >= DRAW.0 / 2 && next - now <= DRAW.1, "a few per second at most, and never given up");
                now = next;
            }
            let took = (now - start).as_secs();
            assert!(seconds.contains(&took), "{draws} draws among {proxies} in vain took {took} s");
            ways.worked(ONE, now);
        }
    }

    #[test]
    fn configured_addresses_that_answer_are_not_in_the_way_of_a_proxy() {
        let (mut ways, mut rng, now) = (Ways::default(), rng(), Instant::now());
        let of = |ways: &Ways| ways.obstacles().into_iter().map(|obstacle| obstacle.proxy).collect::<Vec<_>>();
        ways.failed(None, (HELD, None), now, &mut rng);
        assert_eq!(of(&ways), [None], "there is nothing else to tell");
        ways.failed(ONE, ("silent", None), now, &mut rng);
        assert_eq!(of(&ways), [ONE]);
        ways.failed(None, ("silent", None), now, &mut rng);
        assert_eq!(of(&ways), [ONE, None]);
    }

    #[test]
    fn what_people_are_told_is_bounded() {
        let (mut ways, mut rng, now) = (Ways::default(), rng(), Instant::now());
        let long = "\u{fc}".repeat(MAX_REASON);
        for id in 0..100 {
            ways.failed(Some(ProxyId(id)), (&long, None), now, &mut rng);
        }
        ways.failed(None, ("silent", None), now, &mut rng);
        let obstacles = ways.obstacles();
        assert_eq!(obstacles.len(), MAX_OBSTACLES);
        assert!(obstacles.iter().all(|obstacle| obstacle.reason.len() <= MAX_REASON && obstacle.proxy.is_some()));
        for number in 0..1_000 {
            ways.is_shared(&format!("proxy-{number}:3024"));
        }
        assert!(ways.shared.len() <= super::super::placement::MAX_TUNNELS);
    }
}
