//! How many vote, and how long a sign must last to be believed.

use std::time::Duration;

/// What does not change while a member runs.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Most voters.
    pub max_voters: usize,
    /// How long a learner must have been healthy to be promoted.
    pub promote_after: Duration,
    /// How long a voter must have been down to be replaced.
    pub replace_after: Duration,
}

impl Rules {
    /// How many of `fit` members should vote.
    ///
    /// An odd number, because a fourth voter does not let one more fail, it is only one more that can. But two of two: a lone
    /// voter's machine takes with it whatever it acknowledged and the learner had not yet been sent, while of two voters
    /// either has everything, so that `raft recover` loses nothing. Writes then wait until both are up; dials do not. From
    /// three on no single machine can take anything with it.
    pub fn seats(&self, fit: usize) -> usize {
        match fit.min(self.max_voters.max(1)) {
            few @ 0..=2 => few,
            many if many.is_multiple_of(2) => many - 1,
            odd => odd,
        }
    }
}
