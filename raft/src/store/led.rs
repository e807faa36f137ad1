//! Whether this member has a leader, as far as it heard a moment ago: what it tells who would stand for election.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use openraft::ServerState;
use tokio::time::Instant;

use super::types::Metrics;

/// When the leader was heard of last.
#[derive(Debug)]
pub(crate) struct Led {
    lease: Duration,
    heard: Mutex<Option<Instant>>,
}

impl Led {
    /// Not yet; once heard of, a leader counts for as long as its lease.
    pub(crate) fn new(lease: Duration) -> Self {
        Self { lease, heard: Mutex::new(None) }
    }

    /// The leader was followed just now.
    pub(crate) fn followed(&self, now: Instant) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// Whether a leader was heard of within its lease; the leader itself counts while a majority answers it.
    pub(crate) fn is_led(&self, metrics: &Metrics, now: Instant) -> bool {
        if metrics.state == ServerState::Leader {
            return metrics.millis_since_quorum_ack.is_some_and(|ms| Duration::from_millis(ms) < self.lease);
        }
        let heard = *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.is_some_and(|heard| now.saturating_duration_since(heard) < self.lease)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ProxyId;

    const LEASE: Duration = Duration::from_millis(700);

    #[test]
    fn a_leader_counts_for_its_lease() {
        let (led, now, metrics) = (Led::new(LEASE), Instant::now(), Metrics::new_initial(ProxyId(1)));
        assert!(!led.is_led(&metrics, now), "nobody was heard of");
        led.followed(now);
        assert!(led.is_led(&metrics, now + LEASE - Duration::from_millis(1)));
        assert!(!led.is_led(&metrics, now + LEASE));
    }

    #[test]
    fn a_leader_that_no_majority_answers_does_not_count() {
        let (led, now) = (Led::new(LEASE), Instant::now());
        led.followed(now);
        for (acknowledged, counts) in [(None, false), (Some(0), true), (Some(699), true), (Some(700), false)] {
            let metrics = Metrics { state: ServerState::Leader, millis_since_quorum_ack: acknowledged, ..Metrics::new_initial(ProxyId(1)) };
            assert_eq!(led.is_led(&metrics, now), counts, "{acknowledged:?}");
        }
    }
}
