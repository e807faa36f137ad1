//! G3: a proposal changes the table once, whatever the number of times it arrives.

use warren_raft::fault::Observation;

use super::{Invariant, Violation};

/// Compares each proposal with the last one of its proposer.
#[derive(Debug, Default)]
pub(super) struct Once;

impl Invariant for Once {
    fn observe(&mut self, observation: &Observation) -> Result<(), Violation> {
        if let Observation::Changing { proposer, this, last: Some(last) } = observation
            && this <= last
        {
            let ((life, number), (last_life, last_number)) = (this, last);
            let what =
                format!("proposal {number} of proxy {proposer} in its life {life} changes a table that has {last_number} of {last_life}");
            return Err(Violation::new("G3", what));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use warren_raft::{Incarnation, ProxyId};

    use super::*;

    #[test]
    fn a_proposal_that_changes_something_again_is_seen() {
        let changing = |this, last| Observation::Changing { proposer: ProxyId(1), this: (Incarnation(2), this), last };
        let mut once = Once;
        for (this, last, violated) in [
            (1, None, false),
            (2, Some((Incarnation(2), 1)), false),
            (1, Some((Incarnation(1), 9)), false),
            (1, Some((Incarnation(2), 1)), true),
            (1, Some((Incarnation(3), 0)), true),
        ] {
            assert_eq!(once.observe(&changing(this, last)).is_err(), violated, "{this} after {last:?}");
        }
    }
}
