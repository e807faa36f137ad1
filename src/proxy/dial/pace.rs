//! How long an answer to a dial usually takes, after which the next way is tried beside the first. Pure.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use warren_raft::ProxyId;

/// The least that an answer is waited for alone: a busy machine is not a dead one.
const LEAST: Duration = Duration::from_millis(150);
/// The most.
const MOST: Duration = Duration::from_secs(1);
/// How long it is waited for alone where nothing is known.
const UNKNOWN: Duration = Duration::from_millis(300);
/// The same where so many dials wait that a second one for each would make it worse: the bound of design section 9 on a dial over a dead tunnel, less the time
/// that the second one takes.
pub(super) const PATIENCE: Duration = Duration::from_millis(1500);
/// How many second tries there may be at once beyond their share.
const BURST: f64 = 200.0;
/// The share of dials that may have a second try all the time.
const SHARE: f64 = 0.2;

/// What recent dials took, by owner proxy.
#[derive(Debug)]
pub(super) struct Pace {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    answers: BTreeMap<ProxyId, Estimate>,
    /// Second tries that may be begun.
    allowance: f64,
}

/// Mean and deviation, smoothed as TCP's round trip is (RFC 6298, section 2).
#[derive(Clone, Copy, Debug)]
struct Estimate {
    mean: Duration,
    deviation: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { state: Mutex::new(State { answers: BTreeMap::new(), allowance: BURST }) }
    }
}

impl Pace {
    /// How long the answer of `owner`, this far away, is waited for alone.
    pub(super) fn usual(&self, owner: ProxyId, round_trip: Option<Duration>) -> Duration {
        let state = self.lock();
        if state.allowance < 1.0 {
            return PATIENCE;
        }
        let known = state.answers.get(&owner).map_or(UNKNOWN, |estimate| estimate.mean + estimate.deviation * 4);
        // To the proxy and on to the agent, which may be as far again.
        known.max(round_trip.unwrap_or_default() * 4).clamp(LEAST, MOST)
    }

    /// An answer of `owner` took so long.
    pub(super) fn answered(&self, owner: ProxyId, took: Duration) {
        let mut state = self.lock();
        state.allowance = (state.allowance + SHARE).min(BURST);
        let first = Estimate { mean: took, deviation: took / 2 };
        state.answers.entry(owner).and_modify(|estimate| estimate.take(took)).or_insert(first);
    }

    /// A second try was begun.
    pub(super) fn hedged(&self) {
        let mut state = self.lock();
        state.allowance = (state.allowance - 1.0).max(0.0);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Estimate {
    fn take(&mut self, took: Duration) {
        self.deviation = (self.deviation * 3 + self.mean.abs_diff(took)) / 4;
        self.mean = (self.mean * 7 + took) / 8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: ProxyId = ProxyId(1);

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn what_is_usual_follows_the_answers_within_bounds() {
        let pace = Pace::default();
        assert_eq!(pace.usual(OWNER, None), UNKNOWN);
        assert_eq!(pace.usual(OWNER, Some(ms(120))), ms(480));
        for (took, least, most) in [(ms(2), LEAST, LEAST), (ms(300), ms(300), ms(420)), (ms(4000), MOST, MOST)] {
            (0..60).for_each(|_| pace.answered(OWNER, took));
            let usual = pace.usual(OWNER, None);
            assert!((least..=most).contains(&usual), "{usual:?} after answers of {took:?}");
        }
        assert_eq!(pace.usual(ProxyId(2), None), UNKNOWN, "each owner has its own");
    }

    #[test]
    fn when_every_dial_is_slow_only_a_share_has_a_second_try_so_soon() {
        let pace = Pace::default();
        (0..200).for_each(|_| pace.hedged());
        assert_eq!(pace.usual(OWNER, None), PATIENCE);
        (0..5).for_each(|_| pace.answered(OWNER, ms(1)));
        assert_eq!(pace.usual(OWNER, None), LEAST);
        pace.hedged();
        assert_eq!(pace.usual(OWNER, None), PATIENCE);
    }
}
