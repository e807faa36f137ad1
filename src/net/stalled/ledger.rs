//! Which streams do not move, what they hold, and which of them are to be cut. Pure.
//!
//! ```text
//!  moves --(a writer waits, and nothing has moved at any look for `after`)--> stalled --(what all stalled ones hold is above the budget, and none
//!    ^---------------------(a byte moves)----------------------------------------/       has been still for longer)--> cut
//! ```
//! It must *never* cut a stream that moves, nor one while the budget is kept. Time counts as it is looked: a process that was stopped for a while has
//! not been looking.

use std::collections::BTreeMap;
use std::time::Duration;

/// What streams whose readers do not read may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StalledBudget {
    /// All of them together, in bytes.
    pub bytes: u64,
    /// From when on a stream that does not move is one of them.
    pub after: Duration,
}

impl Default for StalledBudget {
    fn default() -> Self {
        // Every stream of one agent or one client, 1,024, at the window of a data centre's path; a quarter of them at that of a long path. Readers give room back
        // by eighths of a window, 128 to 512 KiB: one that takes a few KB a second shows itself in that time.
        Self { bytes: 1 << 30, after: Duration::from_secs(120) }
    }
}

/// The number of a stream within its process.
pub(super) type StreamNumber = u64;

/// A stream, as it is seen at a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// Bytes that it has moved since it began, both ways.
    pub(super) moved: u64,
    /// What it may hold in directions whose writer waits, in bytes; nothing if none does.
    pub(super) held: u64,
}

/// What follows from a look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    /// The streams that are stalled and stay.
    pub(super) stalled: u64,
    /// What they hold together, in bytes.
    pub(super) held: u64,
    /// The streams that are to be cut, with how long they have been still, the longest first.
    pub(super) cut: Vec<(StreamNumber, Duration)>,
}

/// The streams that do not move.
#[derive(Debug)]
pub(super) struct Ledger {
    budget: StalledBudget,
    still: BTreeMap<StreamNumber, Still>,
}

/// A stream with a writer that waits.
#[derive(Clone, Copy, Debug)]
struct Still {
    moved: u64,
    since: Duration,
}

impl Ledger {
    pub(super) fn new(budget: StalledBudget) -> Self {
        Self { budget, still: BTreeMap::new() }
    }

    /// Looks at all streams, `step` after the last look. One that is not among them any more has ended.
    pub(super) fn look(&mut self, step: Duration, streams: impl IntoIterator<Item = (StreamNumber, Seen)>) -> Look {
        let (mut still, mut stalled, mut look) = (BTreeMap::new(), Vec::new(), Look::default());
        for (number, seen) in streams.into_iter().filter(|(_, seen)| seen.held > 0) {
            let before = self.still.get(&number).filter(|before| before.moved == seen.moved);
            let since = before.map_or(Duration::ZERO, |before| before.since.saturating_add(step));
            still.insert(number, Still { moved: seen.moved, since });
            if since >= self.budget.after {
                stalled.push((since, number, seen.held));
                look.held = look.held.saturating_add(seen.held);
            }
        }
        // The longest first, and the older one of two.
        stalled.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        look.stalled = stalled.len() as u64;
        for (since, number, held) in stalled {
            if look.held <= self.budget.bytes {
                break;
            }
            look.held -= held;
            look.stalled -= 1;
            look.cut.push((number, since));
            still.remove(&number);
        }
        self.still = still;
        look
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STEP: Duration = Duration::from_secs(1);

    fn ledger(bytes: u64) -> Ledger {
        Ledger::new(StalledBudget { bytes, after: STEP * 3 })
    }

    fn look(ledger: &mut Ledger, seen: &[(u64, u64, u64)]) -> (u64, u64, Vec<u64>) {
        let seen = seen.iter().map(|(number, moved, held)| (*number, Seen { moved: *moved, held: *held }));
        let Look { stalled, held, cut } = ledger.look(STEP, seen);
        (stalled, held, cut.into_iter().map(|(number, _)| number).collect())
    }

    #[test]
    fn below_the_budget_nobody_is_cut_whatever_its_age() {
        let mut ledger = ledger(100);
        for second in 0..100_000 {
            let (stalled, held, cut) = look(&mut ledger, &[(1, 7, 60), (2, 7, 40)]);
            let expected = if second < 3 { (0, 0) } else { (2, 100) };
            assert_eq!((stalled, held, cut), (expected.0, expected.1, vec![]), "after {second} s");
        }
    }

    #[test]
    fn above_it_the_longest_still_goes_first_and_no_more_than_needed() {
        let mut ledger = ledger(100);
        look(&mut ledger, &[(2, 0, 60)]);
        look(&mut ledger, &[(2, 0, 60), (1, 0, 30)]);
        for _ in 0..2 {
            assert_eq!(look(&mut ledger, &[(1, 0, 30), (2, 0, 60), (3, 0, 60)]).2, [0; 0]);
        }
        assert_eq!(look(&mut ledger, &[(1, 0, 30), (2, 0, 60), (3, 0, 60)]), (2, 90, vec![]));
        assert_eq!(look(&mut ledger, &[(1, 0, 30), (2, 0, 60), (3, 0, 60)]), (2, 90, vec![2]), "the third has joined them");
        assert_eq!(look(&mut ledger, &[(1, 0, 30), (3, 0, 60)]), (2, 90, vec![]));
    }

    #[test]
    fn who_moves_is_never_cut() {
        let mut ledger = ledger(0);
        for second in 0..100 {
            // One byte in two seconds, a writer that waits at every look.
            assert_eq!(look(&mut ledger, &[(1, second / 2, 1000)]), (0, 0, vec![]), "after {second} s");
        }
    }

    #[test]
    fn who_has_nothing_to_write_is_not_stalled() {
        let mut ledger = ledger(0);
        for _ in 0..100 {
            assert_eq!(look(&mut ledger, &[(1, 5, 0)]), (0, 0, vec![]));
        }
    }

    #[test]
    fn one_that_goes_on_and_stops_again_is_young() {
        let mut ledger = ledger(10);
        for _ in 0..3 {
            look(&mut ledger, &[(1, 0, 10), (2, 0, 10)]);
        }
        assert_eq!(look(&mut ledger, &[(1, 1, 10), (2, 0, 10)]), (1, 10, vec![]));
        look(&mut ledger, &[(1, 1, 10), (2, 0, 10)]);
        look(&mut ledger, &[(1, 1, 10), (2, 0, 10)]);
        assert_eq!(look(&mut ledger, &[(1, 1, 10), (2, 0, 10)]), (1, 10, vec![2]));
    }

    proptest! {
        /// Streams move, stop, begin and end as they like: what stays is within the budget, and who is cut has not moved for long.
        #[test]
        fn the_budget_is_kept_and_only_the_still_pay(
            rounds in prop::collection::vec(prop::collection::vec((0..12_u64, 0..3_u64, 0..50_u64), 0..12), 1..40),
            bytes in 0..200_u64,
        ) {
            let mut ledger = ledger(bytes);
            let mut known: BTreeMap<u64, (u64, u32)> = BTreeMap::new();
            for round in rounds {
                let mut seen = BTreeMap::new();
                for (number, step, held) in round {
                    let moved = known.get(&number).map_or(0, |(moved, _)| *moved) + step;
                    seen.insert(number, Seen { moved, held });
                }
                known = seen.iter().map(|(number, seen)| {
                    let still = match known.get(number) {
                        Some((moved, still)) if *moved == seen.moved && seen.held > 0 => still + 1,
                        _ => 0,
                    };
                    (*number, (seen.moved, still))
                }).collect();
                let Look { held, cut, stalled } = ledger.look(STEP, seen.clone());
                prop_assert!(held <= bytes);
                prop_assert!(stalled as usize + cut.len() <= seen.len());
                let mut longest = Duration::MAX;
                for (number, still) in cut {
                    prop_assert!(still >= STEP * 3 && still <= longest);
                    prop_assert!(known[&number].1 >= 3, "{number} moved");
                    longest = still;
                    known.remove(&number);
                }
            }
        }
    }
}
