//! How an election time-out is divided into what openraft counts: a leader's lease, and a time that each follower draws.
//!
//! In openraft 0.9 a follower stands for election once lease + drawn time have passed since it last heard of the leader, and refuses
//! its vote to anybody until the lease has passed. Its lease is the end of the range from which the time is drawn.

use std::time::Duration;

use super::config::StoreConfig;

/// So many heartbeats are less than an election time-out: openraft looks at its clock every one and a half of them, and a leader that
/// lost one of its own must not be deposed.
const HEARTBEATS: u32 = 3;

/// The parts of an election time-out. Lease and drawn time together are no less than all of it, and less than 1.4 times as much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ElectionTimes {
    /// For so long nobody votes against a leader that was heard of.
    pub(crate) lease: Duration,
    /// The shortest time that a follower draws; the longest is the lease.
    pub(crate) least: Duration,
}

/// An election time-out that does not suit the heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the election time-out of {election_timeout:?} must be more than {HEARTBEATS} times the heartbeat of {heartbeat:?}")]
pub(crate) struct TooShort {
    election_timeout: Duration,
    heartbeat: Duration,
}

impl ElectionTimes {
    /// Divides the election time-out of a member.
    ///
    /// # Errors
    /// [`TooShort`]
    pub(crate) fn of(config: &StoreConfig) -> Result<Self, TooShort> {
        let (election_timeout, heartbeat) = (config.election_timeout, config.heartbeat);
        if election_timeout <= heartbeat.saturating_mul(HEARTBEATS) {
            return Err(TooShort { election_timeout, heartbeat });
        }
        // openraft counts in milliseconds, and the shortest drawn time must be more than a heartbeat: two followers hear of a
        // leader that far apart, and who asks first must not be refused for the other's lease.
        let least = (election_timeout * 3 / 10).max(heartbeat + Duration::from_millis(1));
        Ok(Self { lease: election_timeout * 7 / 10, least })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::refusals::config;

    fn times(heartbeat_ms: u64, election_timeout_ms: u64) -> Result<ElectionTimes, TooShort> {
        let (heartbeat, election_timeout) = (Duration::from_millis(heartbeat_ms), Duration::from_millis(election_timeout_ms));
        ElectionTimes::of(&StoreConfig { heartbeat, election_timeout, ..config(1) })
    }

    #[test]
    fn lease_and_drawn_time_lie_between_once_and_not_quite_one_and_a_half_times() {
        for (heartbeat, all) in [(150, 1_000), (100, 500), (30, 150), (10, 31), (333, 1_000), (10, 300_000)] {
            let ElectionTimes { lease, least } = times(heartbeat, all).expect("they suit each other");
            let all = Duration::from_millis(all);
            assert!(lease + least + Duration::from_millis(1) >= all, "{all:?}: {lease:?} and at least {least:?}");
            assert!(lease * 2 <= all * 14 / 10, "{all:?}: {lease:?}");
            assert!(least > Duration::from_millis(heartbeat) && least < lease, "{all:?}: {least:?}");
        }
    }

    #[test]
    fn a_heartbeat_that_is_too_slow_for_it_is_refused() {
        for (heartbeat, all) in [(150, 450), (1_000, 1_000), (10, 20)] {
            let error = times(heartbeat, all).expect_err("too short").to_string();
            assert!(error.contains("more than 3 times the heartbeat"), "{error}");
        }
    }
}
