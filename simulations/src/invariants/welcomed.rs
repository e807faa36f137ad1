//! G1: an agent is told of its route only when that is committed.

use warren_raft::fault::Observation;

use super::{Invariant, Violation};

/// Compares each welcome with what is committed by then.
#[derive(Debug, Default)]
pub(super) struct Welcomed {
    /// The last entry that is known to be committed.
    committed: u64,
}

impl Invariant for Welcomed {
    fn observe(&mut self, observation: &Observation) -> Result<(), Violation> {
        match observation {
            Observation::Acknowledged { index, .. } => self.committed = self.committed.max(*index),
            Observation::Committed { entry, .. } | Observation::Applied { entry, .. } => self.committed = self.committed.max(entry.index),
            Observation::Welcomed { proxy, agent, sequence, index } if *index > self.committed => {
                let committed = self.committed;
                let what = format!(
                    "{agent} is told that its tunnel {sequence} to proxy {proxy} is in entry {index}, and {committed} is committed"
                );
                return Err(Violation::new("G1", what));
            }
            Observation::Welcomed { .. }
            | Observation::Voted { .. }
            | Observation::Appended { .. }
            | Observation::Stands(_)
            | Observation::Withdrawing { .. }
            | Observation::Changing { .. } => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use warren_raft::{ProxyId, Sequence};

    use super::*;

    #[test]
    fn a_welcome_before_its_commit_is_seen() {
        let mut welcomed = Welcomed::default();
        let agent = "a".parse().expect("a name");
        let welcome = Observation::Welcomed { proxy: ProxyId(1), agent, sequence: Sequence(1), index: 7 };
        assert_eq!(welcomed.observe(&welcome).map_err(|violation| violation.invariant), Err("G1"));
        let acknowledged = Observation::Acknowledged { member: ProxyId(2), index: 7, voters: Vec::new() };
        assert_eq!(welcomed.observe(&acknowledged).and_then(|()| welcomed.observe(&welcome)), Ok(()));
    }
}
