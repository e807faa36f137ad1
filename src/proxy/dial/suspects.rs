//! Tunnels over which a dial got no answer: tried last for a while, and then again by one dial. Pure.
//!
//! ```text
//!  sound --(no answer)--> doubted for 5 s, then 10 s, .. 40 s --> one dial tries it first --(answer)--> sound
//!                               ^------------------------------------/(none)
//! ```
//! It must *never* keep a dial from a tunnel that is the only one.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use warren_raft::{AgentName, ProxyId};

use super::candidates::Place;

/// How long a tunnel is doubted at first; twice as long each time that it gives no answer again.
const FIRST: Duration = Duration::from_secs(5);
/// How often that is doubled at most.
const MAX_DOUBLINGS: u32 = 3;
/// How long the dial that tries it again may take before another one does.
const PROBE: Duration = Duration::from_secs(2);
/// Most tunnels that are doubted at once. Beyond that the dials find out each for itself.
const MAX_DOUBTED: usize = 4096;

/// The doubted tunnels.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    doubted: Mutex<BTreeMap<AgentName, Vec<Doubt>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Doubt {
    place: Place,
    until: Instant,
    doublings: u32,
}

impl Suspects {
    /// Whether the tunnel of `agent` at `place` is to be tried after others. The first that asks when its time is over is told that it is not.
    pub(super) fn doubts(&self, agent: &AgentName, place: Place, now: Instant) -> bool {
        let mut doubted = self.lock();
        let known = doubted.get_mut(agent).and_then(|doubts| doubts.iter_mut().find(|doubt| doubt.place == place));
        let Some(doubt) = known else { return false };
        if doubt.until > now {
            return true;
        }
        doubt.until = now + PROBE;
        false
    }

    /// A dial got no answer there.
    pub(super) fn unanswered(&self, agent: &AgentName, place: Place, now: Instant) {
        let mut doubted = self.lock();
        if doubted.len() >= MAX_DOUBTED && !doubted.contains_key(agent) {
            doubted.retain(|_, doubts| doubts.iter().any(|doubt| doubt.until > now));
            if doubted.len() >= MAX_DOUBTED {
                return;
            }
        }
        let doubts = doubted.entry(agent.clone()).or_default();
        // An earlier tunnel to the same proxy is no more.
        let before = doubts.iter().find(|doubt| doubt.place == place).copied();
        doubts.retain(|doubt| doubt.place.proxy != place.proxy);
        let doublings = before.map_or(0, |before| (before.doublings + 1).min(MAX_DOUBLINGS));
        // Many dials that fail together are one failure.
        let again = before.filter(|before| before.until > now + PROBE);
        doubts.push(again.unwrap_or(Doubt { place, until: now + FIRST * (1 << doublings), doublings }));
    }

    /// There was an answer from there.
    pub(super) fn answered(&self, agent: &AgentName, proxy: ProxyId) {
        let mut doubted = self.lock();
        let Some(doubts) = doubted.get_mut(agent) else { return };
        doubts.retain(|doubt| doubt.place.proxy != proxy);
        if doubts.is_empty() {
            doubted.remove(agent);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AgentName, Vec<Doubt>>> {
        self.doubted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use warren_raft::{Epoch, Sequence};

    use super::*;

    fn place(proxy: u64, sequence: u64) -> Place {
        Place { proxy: ProxyId(proxy), tunnel: Some((Epoch(1), Sequence(sequence))) }
    }

    fn agent() -> AgentName {
        "a".parse().expect("a name")
    }

    #[test]
    fn a_tunnel_that_gives_no_answer_is_doubted_longer_each_time_and_tried_by_one_dial_in_between() {
        let (suspects, agent, mut now) = (Suspects::default(), agent(), Instant::now());
        assert!(!suspects.doubts(&agent, place(1, 1), now));
        for seconds in [5, 10, 20, 40, 40] {
            suspects.unanswered(&agent, place(1, 1), now);
            suspects.unanswered(&agent, place(1, 1), now + Duration::from_millis(10));
            now += Duration::from_secs(seconds) - Duration::from_millis(1);
            assert!(suspects.doubts(&agent, place(1, 1), now), "before {seconds} s are over");
            now += Duration::from_millis(1);
            assert!(!suspects.doubts(&agent, place(1, 1), now), "one dial tries it after {seconds} s");
            assert!(suspects.doubts(&agent, place(1, 1), now), "the next one does not");
        }
        assert!(!suspects.doubts(&agent, place(1, 1), now + PROBE), "unless nothing came of that");
        suspects.answered(&agent, ProxyId(1));
        assert!(!suspects.doubts(&agent, place(1, 1), now));
    }

    #[test]
    fn the_next_tunnel_to_the_same_proxy_is_another_one() {
        let (suspects, agent, now) = (Suspects::default(), agent(), Instant::now());
        suspects.unanswered(&agent, place(1, 1), now);
        suspects.unanswered(&agent, place(2, 1), now);
        assert!(!suspects.doubts(&agent, place(1, 2), now));
        suspects.unanswered(&agent, place(1, 2), now);
        assert_eq!(suspects.lock()[&agent].len(), 2, "one for each proxy");
    }

    #[test]
    fn memory_is_bounded() {
        let (suspects, now) = (Suspects::default(), Instant::now());
        for number in 0..=MAX_DOUBTED {
            suspects.unanswered(&format!("a-{number}").parse().expect("a name"), place(1, 1), now);
        }
        assert_eq!(suspects.lock().len(), MAX_DOUBTED);
        let later = now + FIRST;
        suspects.unanswered(&agent(), place(1, 1), later);
        assert_eq!(suspects.lock().len(), 1, "those that are over make room");
    }
}
