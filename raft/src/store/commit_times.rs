//! How long the commands of a member took to be committed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The shortest bucket, and how many there are, each twice as long as the one before: up to 16 s.
const SHORTEST: Duration = Duration::from_micros(500);
const BUCKETS: usize = 16;

/// How long the commands that this member proposed took until they were committed and applied here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitTimes {
    /// How many took no longer than each of these bounds and longer than the one before it, in rising order.
    pub buckets: Vec<(Duration, u64)>,
    /// How many took longer than the last bound.
    pub longer: u64,
    /// What all of them took together.
    pub sum: Duration,
}

/// The same as it is counted.
#[derive(Debug, Default)]
pub(crate) struct CommitClock {
    counts: [AtomicU64; BUCKETS],
    longer: AtomicU64,
    micros: AtomicU64,
}

impl CommitClock {
    /// A command was committed.
    pub(crate) fn note(&self, took: Duration) {
        let place = bounds().position(|bound| took <= bound);
        place.map_or(&self.longer, |place| &self.counts[place]).fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// What was counted.
    pub(crate) fn times(&self) -> CommitTimes {
        CommitTimes {
            buckets: bounds().zip(&self.counts).map(|(bound, count)| (bound, count.load(Ordering::Relaxed))).collect(),
            longer: self.longer.load(Ordering::Relaxed),
            sum: Duration::from_micros(self.micros.load(Ordering::Relaxed)),
        }
    }
}

fn bounds() -> impl Iterator<Item = Duration> {
    std::iter::successors(Some(SHORTEST), |bound| Some(*bound * 2)).take(BUCKETS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_is_in_one_bucket() {
        let clock = CommitClock::default();
        for micros in [0, 500, 501, 1_000, 16_384_000, 16_384_001] {
            clock.note(Duration::from_micros(micros));
        }
        let times = clock.times();
        let counts: Vec<_> = times.buckets.iter().map(|(_, count)| *count).collect();
        assert_eq!((counts[0], counts[1], counts[2], counts[BUCKETS - 1], times.longer), (2, 2, 0, 1, 1));
        assert_eq!(times.sum, Duration::from_micros(32_770_002));
    }
}
