//! Which proxy a client enters by: the nearest of those that answer, by measured round trip, whatever order they are listed in. Pure.
//!
//! ```text
//!  one is known to be the nearest:  it at once, each further one 250 ms after the one before; the first that answers
//!  none is:                         four at once, and those that answer soon after the first are compared
//! ```

use std::time::Duration;

use rand::Rng;
use rand::seq::SliceRandom;

/// How much later the next proxy is tried beside those before it (as RFC 8305, section 5 does with addresses).
pub(super) const STAGGER: Duration = Duration::from_millis(250);
/// Proxies that are tried at the same time to compare them: each costs a handshake.
const AT_ONCE: usize = 4;
/// Most of them that are tried for one connection.
pub(super) const MAX_TRIED: usize = 32;
/// By how much two round trips may differ and count as the same, at least: what a busy machine adds.
const ABOUT: Duration = Duration::from_millis(2);
/// The least and the most that is waited for others after the first answer.
const WAIT: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));
/// By how much a round trip may have grown beyond its double.
const MOVED: Duration = Duration::from_millis(10);
/// How long a measurement counts: machines move from network to network.
const FRESH: Duration = Duration::from_secs(600);
/// The same where the nearest proxy was lost: it may be back soon.
const FRESH_IN_REFUGE: Duration = Duration::from_secs(60);

/// What was measured last.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Measured {
    /// The nearest proxy, as its address was written.
    pub(super) proxy: String,
    /// The round trip to it, in microseconds.
    pub(super) rtt_us: u64,
    /// When, in milliseconds since 1970.
    pub(super) at_ms: u64,
}

impl Measured {
    /// Of a proxy that is so far away now.
    pub(super) fn new(proxy: String, round_trip: Duration, at_ms: u64) -> Self {
        Self { proxy, rtt_us: u64::try_from(round_trip.as_micros()).unwrap_or(u64::MAX), at_ms }
    }

    /// The same where a nearer one was lost.
    #[must_use]
    pub(super) fn in_refuge(self) -> Self {
        let spent = u64::try_from((FRESH - FRESH_IN_REFUGE).as_millis()).unwrap_or_default();
        Self { at_ms: self.at_ms.saturating_sub(spent), ..self }
    }

    /// Whether it is about as near as it was: if not, this machine may be elsewhere, and another one may be nearer.
    pub(super) fn holds(&self, round_trip: Duration) -> bool {
        round_trip <= Duration::from_micros(self.rtt_us) * 2 + MOVED
    }

    /// Whether it still counts.
    pub(super) fn is_fresh(&self, now_ms: u64) -> bool {
        // A clock that was set back makes it as good as old.
        now_ms.checked_sub(self.at_ms).is_some_and(|age| u128::from(age) < FRESH.as_millis())
    }
}

/// The proxies in the order to try them, each with how long after the first it is tried if nothing has answered by then.
pub(super) fn plan(proxies: &[String], known: Option<&str>, rng: &mut impl Rng) -> Vec<(String, Duration)> {
    let mut order: Vec<_> = proxies.to_vec();
    // Those that are as near as others are to get as much as they do, and further ones are to be found in time.
    order.shuffle(rng);
    let known = known.and_then(|known| order.iter().position(|proxy| proxy == known));
    if let Some(position) = known {
        let nearest = order.remove(position);
        order.insert(0, nearest);
    }
    let at_once = if known.is_some() { 1 } else { AT_ONCE };
    let later = |position: usize| u32::try_from((position + 1).saturating_sub(at_once)).unwrap_or(u32::MAX);
    order.into_iter().take(MAX_TRIED).enumerate().map(|(position, proxy)| (proxy, STAGGER * later(position))).collect()
}

/// How long further answers are waited for when the first took so long: one that is nearer was a little unlucky, or asked a moment later.
pub(super) fn patience(first: Duration) -> Duration {
    (first / 2).clamp(WAIT.0, WAIT.1)
}

/// Whether a round trip is that of a nearer proxy: worth to go there for.
pub(super) fn is_nearer(there: Duration, here: Duration) -> bool {
    there + margin(there) < here
}

fn margin(round_trip: Duration) -> Duration {
    (round_trip / 4).max(ABOUT)
}

/// Which of these is the nearest, by their round trips; among those that are about as near a drawn one. `None` of none.
pub(super) fn nearest(round_trips: &[Duration], rng: &mut impl Rng) -> Option<usize> {
    let least = *round_trips.iter().min()?;
    let near: Vec<_> = (0..round_trips.len()).filter(|position| round_trips[*position] <= least + margin(least)).collect();
    Some(near[rng.random_range(0..near.len())])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn check(ms: &[u64], expected: &[usize]) {
        let round_trips: Vec<_> = ms.iter().copied().map(Duration::from_millis).collect();
        let chosen: BTreeSet<_> = (0..200).filter_map(|seed| nearest(&round_trips, &mut StdRng::seed_from_u64(seed))).collect();
        assert_eq!(chosen, expected.iter().copied().collect(), "{ms:?}");
    }

    #[test]
    fn the_nearest_by_round_trip_is_chosen_and_about_equals_share() {
        check(&[], &[]);
        check(&[70], &[0]);
        check(&[70, 9, 30], &[1]);
        check(&[1, 3, 4], &[0, 1]);
        check(&[100, 120, 126, 90], &[0, 3]);
        check(&[0, 0, 0], &[0, 1, 2]);
    }

    #[test]
    fn what_is_known_goes_first_and_alone() {
        let proxies: Vec<_> = (0..40).map(|number| format!("p-{number}:1")).collect();
        for seed in 0..50 {
            let planned = plan(&proxies, Some("p-7:1"), &mut StdRng::seed_from_u64(seed));
            assert_eq!((planned.len(), planned[0].0.as_str()), (MAX_TRIED, "p-7:1"));
            let delays: Vec<_> = planned.iter().take(4).map(|(_, delay)| *delay).collect();
            assert_eq!(delays, [Duration::ZERO, STAGGER, STAGGER * 2, STAGGER * 3]);
            let unknown = plan(&proxies, None, &mut StdRng::seed_from_u64(seed));
            let delays: Vec<_> = unknown.iter().take(6).map(|(_, delay)| *delay).collect();
            assert_eq!(delays, [Duration::ZERO, Duration::ZERO, Duration::ZERO, Duration::ZERO, STAGGER, STAGGER * 2]);
        }
        // Of many each comes to be compared.
        let first: BTreeSet<_> = (0..400).map(|seed| plan(&proxies, None, &mut StdRng::seed_from_u64(seed)).remove(0).0).collect();
        assert_eq!(first.len(), proxies.len());
        let gone = plan(&proxies[..2], Some("elsewhere:1"), &mut StdRng::seed_from_u64(1));
        assert_eq!(gone.iter().map(|(_, delay)| *delay).collect::<Vec<_>>(), [Duration::ZERO; 2]);
        assert!(plan(&[], None, &mut StdRng::seed_from_u64(1)).is_empty());
    }

    #[test]
    fn waits_and_measurements_are_bounded() {
        let ms = Duration::from_millis;
        assert_eq!([ms(0), ms(40), ms(3000)].map(patience), [ms(5), ms(20), ms(100)]);
        assert_eq!(
            [(1, 3), (1, 4), (100, 125), (100, 126)].map(|(there, here)| is_nearer(ms(there), ms(here))),
            [false, true, false, true]
        );
        let measured = Measured::new(String::new(), ms(5), 1_000_000);
        let refuge = measured.clone().in_refuge();
        assert_eq!([1_000_000, 1_059_999, 1_060_000].map(|now| refuge.is_fresh(now)), [true, true, false]);
        assert_eq!([ms(1), ms(20), ms(21)].map(|now| measured.holds(now)), [true, true, false]);
        assert_eq!([1_000_000, 1_599_999, 1_600_000, 999_999].map(|now| measured.is_fresh(now)), [true, true, false, false]);
    }
}
