//! What many runs come to.

use serde::{Deserialize, Serialize};

use crate::run::Report;
use crate::trial::Verdict;

/// Most violations that are kept with all that is known of them.
const KEPT: usize = 100;

/// What many runs come to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Total {
    /// Runs.
    pub runs: u64,
    /// The sums of what they were like.
    pub sum: Report,
    /// How long each that came so far took to be whole after its last fault, in milliseconds.
    pub whole_after_ms: Vec<u64>,
    /// Runs in which something was violated.
    pub violated: u64,
    /// The first of them.
    pub found: Vec<Found>,
    /// How long all took here, in milliseconds.
    pub elapsed_ms: u64,
}

/// A run in which something was violated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The invariant.
    pub invariant: String,
    /// What was seen.
    pub what: String,
    /// The command that does it again.
    pub command: String,
    /// The seed, if it is one.
    pub seed: Option<u64>,
    /// The last events.
    pub last: Vec<String>,
}

impl Total {
    /// One more run.
    pub fn add(&mut self, verdict: Verdict) {
        let Verdict { subject, report } = verdict;
        self.runs += 1;
        self.sum.add(&report);
        match report.violation {
            None => self.whole_after_ms.push(report.whole_after_ms),
            Some((invariant, what)) => {
                self.violated += 1;
                if self.found.len() < KEPT {
                    let (command, seed) = (subject.to_string(), subject.seed());
                    self.found.push(Found { invariant, what, command, seed, last: report.last });
                }
            }
        }
    }

    /// How long a share of them took at most to be whole again, of a hundred; 0 when none was.
    pub fn whole_after(&self, percent: usize) -> u64 {
        let mut times = self.whole_after_ms.clone();
        times.sort_unstable();
        let place = (times.len() * percent).div_ceil(100).saturating_sub(1);
        times.get(place).copied().unwrap_or_default()
    }

    /// How often an event of this class was carried out.
    pub fn event(&self, class: &str) -> u64 {
        self.sum.events.get(class).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::Subject;

    fn verdict(seed: u64, whole_after_ms: u64, violation: Option<&str>) -> Verdict {
        let violation = violation.map(|invariant| (invariant.to_owned(), "seen".to_owned()));
        Verdict { subject: Subject::Seed(seed), report: Report { seed, whole_after_ms, served: 2, violation, ..Report::default() } }
    }

    #[test]
    fn runs_are_counted_and_violations_kept() {
        let mut total = Total::default();
        for seed in 0..300 {
            total.add(verdict(seed, seed, (seed % 2 == 1).then_some("T3")));
        }
        assert_eq!((total.runs, total.violated, total.sum.served, total.found.len()), (300, 150, 600, KEPT));
        assert_eq!(total.found[1].command, "cargo sim run --seed 3");
    }

    #[test]
    fn shares_are_by_rank() {
        let mut total = Total::default();
        assert_eq!(total.whole_after(50), 0);
        for seed in (1..=100).rev() {
            total.add(verdict(seed, seed * 10, None));
        }
        assert_eq!((total.whole_after(50), total.whole_after(99), total.whole_after(100)), (500, 990, 1_000));
    }
}
