//! L5: how long nothing happened while nothing was wrong. It is reported, and violates nothing. Pure.

/// The longest time between two of a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Gaps {
    last_us: Option<u64>,
    longest_us: u64,
}

impl Gaps {
    /// One happens.
    pub(super) fn happens(&mut self, now_us: u64) {
        if let Some(last) = self.last_us.replace(now_us) {
            self.longest_us = self.longest_us.max(now_us.saturating_sub(last));
        }
    }

    /// Something is wrong: what comes next is no end of a gap.
    pub(super) fn interrupt(&mut self) {
        self.last_us = None;
    }

    /// The longest, in milliseconds.
    pub(super) fn longest_ms(&self) -> u64 {
        self.longest_us / 1_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_in_bad_weather_does_not_count() {
        let mut gaps = Gaps::default();
        gaps.happens(1_000);
        gaps.happens(4_000);
        gaps.interrupt();
        gaps.happens(90_000);
        gaps.happens(91_000);
        assert_eq!(gaps.longest_ms(), 3);
    }
}
