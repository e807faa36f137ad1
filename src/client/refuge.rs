//! When a client that had to enter by another proxy looks whether a nearer one is there again. Pure.
//!
//! ```text
//!  at home --(its proxy was lost)--> in refuge --(10 s, then 20 s, .. 10 min)--> look --(nearer)--> at home
//!                                        ^-------------------------------------/ (none)
//! ```

use std::time::Duration;

use tokio::time::Instant;

/// How long after the loss it is first looked; twice as long each further time.
const FIRST: Duration = Duration::from_secs(10);
/// The longest wait.
const MOST: Duration = Duration::from_secs(600);

/// Where a client is.
#[derive(Debug, Default)]
pub(super) struct Refuge {
    next: Option<(Instant, Duration)>,
}

impl Refuge {
    /// It had to enter by another proxy than before.
    pub(super) fn begin(&mut self, now: Instant) {
        self.next = Some((now + FIRST, FIRST));
    }

    /// Whether it is to be looked now: whoever is told so does.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        match &mut self.next {
            Some((at, wait)) if *at <= now => {
                *wait = (*wait * 2).min(MOST);
                *at = now + *wait;
                true
            }
            Some(_) | None => false,
        }
    }

    /// It is where it wants to be.
    pub(super) fn end(&mut self) {
        self.next = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_looked_less_and_less_often_until_it_is_home() {
        let (mut refuge, mut now) = (Refuge::default(), Instant::now());
        assert!(!refuge.is_due(now), "it is at home");
        refuge.begin(now);
        for seconds in [10, 20, 40, 80, 160, 320, 600, 600] {
            assert!(!refuge.is_due(now + Duration::from_secs(seconds) - Duration::from_millis(1)));
            now += Duration::from_secs(seconds);
            assert!(refuge.is_due(now), "after {seconds} s");
            assert!(!refuge.is_due(now), "one look at a time");
        }
        refuge.end();
        assert!(!refuge.is_due(now + MOST));
    }
}
