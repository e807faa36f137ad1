//! Whether a queue is building on the path, from the round trips of packets.

use std::time::{Duration, Instant};

/// The least of so many samples counts: a queue delays all of them, a busy receiver or radio only some.
const RECENT: usize = 8;
/// Least and largest are of the last one to two of these: paths change, and a queue that was never empty meanwhile is no measure for ever.
const SPAN: Duration = Duration::from_secs(15);
/// A queue is building from this share of the least round trip, ...
const CERTAIN: u32 = 8;
/// ... or where round trips differ less (a short queue, or one that many fill without ever emptying it), from half of what they differ, and this
/// share at least: below that it is noise.
const NOISE: u32 = 32;

/// Round trips of one path.
#[derive(Clone, Debug, Default)]
pub(super) struct RoundTrips {
    recent: [Duration; RECENT],
    samples: usize,
    /// Of the current span and of the one before.
    spans: [Option<Span>; 2],
}

#[derive(Clone, Copy, Debug)]
struct Span {
    start: Instant,
    least: Duration,
    /// The largest of what [`RoundTrips::current`] was.
    largest: Duration,
}

impl RoundTrips {
    /// Adds a packet's.
    pub(super) fn sample(&mut self, now: Instant, round_trip: Duration) {
        self.recent[self.samples % RECENT] = round_trip;
        self.samples += 1;
        let current = self.current();
        match &mut self.spans[0] {
            Some(span) if now.saturating_duration_since(span.start) < SPAN => {
                span.least = span.least.min(round_trip);
                span.largest = span.largest.max(current);
            }
            _ => {
                self.spans[1] = self.spans[0];
                self.spans[0] = Some(Span { start: now, least: round_trip, largest: current });
            }
        }
    }

    /// The round trip now, without what delays only some packets; zero before the first.
    pub(super) fn current(&self) -> Duration {
        self.recent[..self.samples.min(RECENT)].iter().min().copied().unwrap_or_default()
    }

    /// What packets wait in queues now.
    pub(super) fn queue(&self) -> Duration {
        self.current().saturating_sub(self.least())
    }

    /// The shortest that was seen.
    pub(super) fn least(&self) -> Duration {
        self.spans.iter().flatten().map(|span| span.least).min().unwrap_or_default()
    }

    /// Whether a queue is building.
    pub(super) fn is_building(&self) -> bool {
        // A path of which nothing is known gets no benefit of the doubt.
        self.samples < RECENT || self.queue() > self.threshold()
    }

    fn threshold(&self) -> Duration {
        let least = self.least();
        let largest = self.spans.iter().flatten().map(|span| span.largest).max().unwrap_or_default();
        (largest.saturating_sub(least) / 2).clamp(least / NOISE, least / CERTAIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(samples: impl IntoIterator<Item = (u64, u64)>) -> RoundTrips {
        let (start, mut trips) = (tokio::time::Instant::now().into_std(), RoundTrips::default());
        for (at, micros) in samples {
            trips.sample(start + Duration::from_millis(at), Duration::from_micros(micros));
        }
        trips
    }

    fn steps(levels: &[(u64, usize)]) -> RoundTrips {
        let samples = levels.iter().flat_map(|(micros, count)| std::iter::repeat_n(*micros, *count));
        fed(samples.enumerate().map(|(index, micros)| (u64::try_from(index).expect("few"), micros)))
    }

    #[test]
    fn a_queue_is_what_delays_every_packet() {
        let check = |levels: &[(u64, usize)], expected| assert_eq!(steps(levels).is_building(), expected, "{levels:?}");
        check(&[], true);
        check(&[(20_000, 7)], true);
        check(&[(20_000, 8)], false);
        // Deep queues: more than an eighth.
        check(&[(20_000, 100), (22_400, 8)], true);
        check(&[(20_000, 100), (30_000, 8), (20_000, 8), (22_400, 8)], false);
        check(&[(20_000, 100), (30_000, 8), (20_000, 8), (22_600, 8)], true);
        // One of the last eight came through at once.
        check(&[(20_000, 100), (40_000, 7)], false);
        check(&[(20_000, 100), (40_000, 7), (20_000, 1), (40_000, 7)], false);
        // A short queue, seen at its fullest and then empty.
        check(&[(20_000, 100), (21_500, 20), (20_000, 20)], false);
        check(&[(20_000, 100), (21_500, 20), (20_700, 20)], false);
        check(&[(20_000, 100), (21_500, 20), (20_800, 20)], true);
        // Noise.
        check(&[(20_000, 100), (20_600, 20)], false);
    }

    #[test]
    fn the_least_is_forgotten_after_two_spans() {
        let path = |until: u64| fed((0..until).map(|second| (second * 1_000, if second == 0 { 20_000 } else { 60_000 })));
        assert!(path(15).is_building() && path(30).is_building());
        assert!(!path(31).is_building(), "{:?}", path(31));
        assert_eq!(path(31).queue(), Duration::ZERO);
    }
}
