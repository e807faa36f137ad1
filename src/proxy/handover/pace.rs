//! How fast a proxy gives its tunnels away: a token bucket. Pure.
//!
//! Everybody who is asked to move makes a handshake with another proxy, about a millisecond of one of its cores, and an entry in the log.

use std::time::Duration;

use tokio::time::Instant;

/// Tunnels per second at least: a proxy with a few must not dawdle.
const FLOOR: u32 = 20;
/// Tunnels per second at most, as many as two cores can take in (quic.md, section 4).
const CEILING: u32 = 2_000;
/// How much of a second's tunnels may move at once.
const BURSTS_PER_SECOND: u32 = 10;

/// A token bucket. One token is worth one tunnel.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    interval: Duration,
    most: Duration,
    saved: Duration,
    at: Instant,
}

impl Pace {
    /// So many tokens per second, of which a tenth of a second's may be saved; one at least.
    pub(super) fn new(per_second: u32, now: Instant) -> Self {
        let per_second = per_second.max(1);
        let interval = Duration::from_secs(1) / per_second;
        let most = interval * (per_second / BURSTS_PER_SECOND).max(1);
        Self { interval, most, saved: most, at: now }
    }

    /// Moves so many tunnels within half of `timeout`, so that those who fail can be asked again and their streams have time to end.
    pub(super) fn for_drain(tunnels: usize, timeout: Duration, now: Instant) -> Self {
        let half = (timeout / 2).as_secs_f64().max(0.001);
        let tunnels = u32::try_from(tunnels).unwrap_or(u32::MAX);
        Self::new(rate(f64::from(tunnels) / half).clamp(FLOOR, CEILING), now)
    }

    /// Whether there is a token to [`take`](Self::take).
    pub(super) fn has_one(&mut self, now: Instant) -> bool {
        self.save(now);
        self.saved >= self.interval
    }

    /// Takes as many tokens as there are, up to `wanted`.
    pub(super) fn take(&mut self, wanted: usize, now: Instant) -> usize {
        self.save(now);
        let there = usize::try_from(self.saved.as_nanos() / self.interval.as_nanos()).unwrap_or(usize::MAX);
        let taken = there.min(wanted);
        self.saved = self.saved.saturating_sub(self.interval * u32::try_from(taken).unwrap_or(u32::MAX));
        taken
    }

    fn save(&mut self, now: Instant) {
        self.saved = (self.saved + now.saturating_duration_since(self.at)).min(self.most);
        self.at = self.at.max(now);
    }
}

/// Per second, in whole tunnels.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float becomes the nearest integer of the type")]
fn rate(per_second: f64) -> u32 {
    per_second.ceil() as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// How many tunnels have moved after each tenth of a second when somebody looks every `step`.
    fn moved(tunnels: usize, timeout: Duration, (step, steps): (Duration, u32)) -> usize {
        let begun = Instant::now();
        let mut pace = Pace::for_drain(tunnels, timeout, begun);
        (0..=steps).fold(0, |moved, number| moved + pace.take(tunnels - moved, begun + step * number))
    }

    #[test]
    fn all_have_moved_by_half_of_the_time() {
        let step = Duration::from_millis(50);
        let table = [(1, 30, 0, 1), (10, 30, 10, 10), (600, 30, 300, 600), (10_000, 30, 300, 10_000), (600, 1, 10, 600)];
        for (tunnels, seconds, steps, expected) in table {
            assert_eq!(
                moved(tunnels, Duration::from_secs(seconds), (step, steps)),
                expected,
                "{tunnels} in {seconds} s, after {steps} steps"
            );
        }
        // Not all at once either.
        assert!(moved(10_000, Duration::from_secs(30), (step, 20)) < 1_000);
        assert!(moved(10_000, Duration::ZERO, (step, 20)) <= 2_200, "however little time there is");
    }

    proptest! {
        /// However often it is asked, never more than the rate and one burst go in any time.
        #[test]
        fn never_faster_than_the_rate(per_second in 1_u32..5_000, gaps in proptest::collection::vec(0_u64..400, 1..200)) {
            let begun = Instant::now();
            let (mut pace, mut now, mut taken) = (Pace::new(per_second, begun), begun, 0);
            for gap in gaps {
                now += Duration::from_millis(gap);
                taken += pace.take(usize::MAX, now);
            }
            let elapsed = (now - begun).as_secs_f64();
            let most = elapsed * f64::from(per_second) * 1.001 + f64::from((per_second / BURSTS_PER_SECOND).max(1));
            prop_assert!(taken as f64 <= most.ceil(), "{taken} in {elapsed} s at {per_second}");
        }
    }
}
