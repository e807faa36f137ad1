//! A deadline that is handed on: every wait of a dial takes from the same budget.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// What is left of the time that the caller gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Budget {
    until: Instant,
}

/// The budget is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no answer in time")]
pub struct Elapsed;

impl Budget {
    /// A budget of `total` from now on.
    pub fn new(total: Duration) -> Self {
        Self { until: Instant::now() + total }
    }

    /// What is left.
    pub fn left(self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// What is left in whole milliseconds, as it travels to the next hop.
    pub fn left_ms(self) -> u32 {
        u32::try_from(self.left().as_millis()).unwrap_or(u32::MAX)
    }

    /// The same budget, or a smaller one of at most `share` from now.
    #[must_use]
    pub fn at_most(self, share: Duration) -> Self {
        Self { until: self.until.min(Instant::now() + share) }
    }

    /// Waits for `work` as long as the budget lasts.
    ///
    /// # Errors
    /// [`Elapsed`], and the work is dropped.
    pub async fn run<T>(self, work: impl Future<Output = T>) -> Result<T, Elapsed> {
        timeout_at(self.until, work).await.map_err(|_| Elapsed)
    }
}
