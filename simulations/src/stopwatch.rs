//! How long something takes on this machine: of no run's business, and of whoever waits for it.

use std::time::{Duration, Instant, SystemTime};

/// Runs since it was made.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// One that begins now.
    #[expect(clippy::disallowed_methods, reason = "no simulation sees it: it measures the simulation")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// How long it runs.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// The same, in whole milliseconds.
    pub fn elapsed_ms(self) -> u64 {
        u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// The day, as `2026-11-23`: it stands on a record.
#[expect(clippy::disallowed_methods, reason = "no simulation sees it: it stands on a record")]
pub fn today() -> String {
    let mut now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    now.truncate("2026-11-23".len());
    now
}
