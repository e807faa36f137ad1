//! How many lines those may cause who were not let in. Pure.

use std::time::Duration;

use tokio::time::Instant;

/// So many at once.
const BURST: f64 = 100.0;
/// So many a second in the long run: some 250 KB a minute.
const PER_SECOND: f64 = 10.0;

/// A token bucket.
#[derive(Debug)]
pub(super) struct Pace {
    left: f64,
    at: Instant,
}

impl Pace {
    /// One that nobody has used.
    pub(super) fn new(now: Instant) -> Self {
        Self { left: BURST, at: now }
    }

    /// Whether there may be one more now.
    pub(super) fn admits(&mut self, now: Instant) -> bool {
        let passed: Duration = now.saturating_duration_since(self.at);
        self.left = (self.left + passed.as_secs_f64() * PER_SECOND).min(BURST);
        self.at = now;
        let admits = self.left >= 1.0;
        if admits {
            self.left -= 1.0;
        }
        admits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(pace: &mut Pace, now: Instant, tries: u32) -> u32 {
        (0..tries).map(|_| u32::from(pace.admits(now))).sum()
    }

    #[test]
    fn a_flood_causes_few_lines() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        assert_eq!(admitted(&mut pace, now, 100_000), 100);
        assert_eq!(admitted(&mut pace, now + Duration::from_secs(1), 100_000), 10);
        assert_eq!(admitted(&mut pace, now + Duration::from_secs(3600), 100_000), 100, "what was not used does not add up");
        assert_eq!(admitted(&mut pace, now, 5), 0, "a clock that stands still gives nothing");
    }
}
