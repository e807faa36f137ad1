//! How much ran through a proxy in the last minutes: samples of counters, and their differences. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use warren_raft::Timestamp;

/// Samples that are kept: at one every two seconds ten minutes.
pub(super) const KEPT: usize = 300;

/// What only grows while a proxy runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::proxy) struct Totals {
    /// Payload bytes from clients towards agents.
    pub sent_bytes: u64,
    /// Payload bytes from agents towards clients.
    pub received_bytes: u64,
    /// Dials of this proxy's clients that connected.
    pub dials_connected: u64,
    /// Those that failed.
    pub dials_failed: u64,
}

impl Totals {
    /// What has come since `before`. A counter that is lower than it was has begun anew.
    fn since(self, before: Self) -> Self {
        let grown = |now: u64, before: u64| now.checked_sub(before).unwrap_or(now);
        Self {
            sent_bytes: grown(self.sent_bytes, before.sent_bytes),
            received_bytes: grown(self.received_bytes, before.received_bytes),
            dials_connected: grown(self.dials_connected, before.dials_connected),
            dials_failed: grown(self.dials_failed, before.dials_failed),
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            sent_bytes: self.sent_bytes.saturating_add(other.sent_bytes),
            received_bytes: self.received_bytes.saturating_add(other.received_bytes),
            dials_connected: self.dials_connected.saturating_add(other.dials_connected),
            dials_failed: self.dials_failed.saturating_add(other.dials_failed),
        }
    }
}

/// A time between two looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) struct Sample {
    /// When it ended.
    pub at: Timestamp,
    /// How long it was.
    pub span: Duration,
    /// What came in it.
    pub grown: Totals,
    /// Streams that ran at its end.
    pub streams: u64,
    /// Tunnels at its end.
    pub tunnels: u64,
}

/// The samples, the oldest first.
#[derive(Debug, Default)]
pub(super) struct History {
    before: Option<Totals>,
    samples: VecDeque<Sample>,
}

impl History {
    /// Takes in what the counters are, `span` after the last look. From the first look on there is something to compare with.
    pub(super) fn look(&mut self, totals: Totals, (streams, tunnels): (u64, u64), (at, span): (Timestamp, Duration)) {
        if let Some(before) = self.before.replace(totals)
            && !span.is_zero()
        {
            if self.samples.len() == KEPT {
                self.samples.pop_front();
            }
            self.samples.push_back(Sample { at, span, grown: totals.since(before), streams, tunnels });
        }
    }

    /// All samples, the oldest first.
    pub(super) fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.samples.iter()
    }

    /// What came in the last samples that are together as long as `window`, or as there are, and how long they are.
    pub(super) fn last(&self, window: Duration) -> (Totals, Duration) {
        let mut sum = (Totals::default(), Duration::ZERO);
        for sample in self.samples.iter().rev() {
            if sum.1 >= window {
                break;
            }
            sum = (sum.0.and(sample.grown), sum.1.saturating_add(sample.span));
        }
        sum
    }
}

/// So many in a second, of so many in a time.
pub(in crate::proxy) fn per_second(count: u64, span: Duration) -> u64 {
    let milliseconds = u64::try_from(span.as_millis()).unwrap_or(u64::MAX).max(1);
    u64::try_from(u128::from(count) * 1000 / u128::from(milliseconds)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_secs(2);

    fn totals(bytes: u64, dials: u64) -> Totals {
        Totals { sent_bytes: bytes, received_bytes: bytes / 2, dials_connected: dials, dials_failed: 0 }
    }

    #[test]
    fn samples_are_differences_and_the_first_look_is_none() {
        let mut history = History::default();
        for (second, bytes) in [(0, 100), (2, 300), (4, 300), (6, 50)] {
            history.look(totals(bytes, 0), (1, 2), (Timestamp(second * 1000), STEP));
        }
        let sent: Vec<_> = history.samples().map(|sample| (sample.at.0 / 1000, sample.grown.sent_bytes)).collect();
        assert_eq!(sent, [(2, 200), (4, 0), (6, 50)], "a counter that has begun anew counts from nothing");
        assert_eq!(history.last(Duration::from_secs(3)), (totals(50, 0), STEP * 2));
        assert_eq!(history.last(Duration::from_secs(60)).1, STEP * 3, "no more than there is");
    }

    #[test]
    fn the_oldest_go() {
        let mut history = History::default();
        for second in 0..2 * KEPT as u64 {
            history.look(totals(second, second), (0, 0), (Timestamp(second), STEP));
        }
        assert_eq!(history.samples().count(), KEPT);
        assert_eq!(history.samples().next().map(|sample| sample.at), Some(Timestamp(KEPT as u64)));
    }

    #[test]
    fn rates() {
        for (count, span, expected) in
            [(0, STEP, 0), (9, STEP, 4), (5, Duration::ZERO, 5_000), (u64::MAX, Duration::from_secs(1), u64::MAX)]
        {
            assert_eq!(per_second(count, span), expected, "{count} in {span:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_kept_is_bounded_and_adds_up(steps in proptest::collection::vec((0_u64..1_000, 0_u64..10), 1..700)) {
            let (mut history, mut total) = (History::default(), Totals::default());
            for (bytes, dials) in &steps {
                total = total.and(totals(*bytes, *dials));
                history.look(total, (0, 0), (Timestamp(0), STEP));
            }
            let kept = (steps.len() - 1).min(KEPT);
            proptest::prop_assert_eq!(history.samples().count(), kept);
            let (sum, span) = history.last(Duration::MAX);
            proptest::prop_assert_eq!(span, STEP * u32::try_from(kept).expect("few"));
            proptest::prop_assert_eq!(sum.sent_bytes, steps[steps.len() - kept..].iter().map(|step| step.0).sum::<u64>());
        }
    }
}
