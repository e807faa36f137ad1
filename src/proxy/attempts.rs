//! Which tunnel of each agent was the last that asked for a route here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use warren_raft::{AgentName, Sequence};

/// The newest attempt by agent. As many as there are agents. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Attempts {
    newest: Arc<Mutex<BTreeMap<AgentName, Sequence>>>,
}

impl Attempts {
    /// Notes that a route for this tunnel is asked for.
    pub(super) fn begin(&self, agent: &AgentName, sequence: Sequence) {
        let mut newest = self.lock();
        let known = newest.entry(agent.clone()).or_insert(sequence);
        *known = sequence.max(*known);
    }

    /// Whether a newer tunnel than this has been tried since.
    pub(super) fn is_older(&self, agent: &AgentName, sequence: Sequence) -> bool {
        self.lock().get(agent).is_some_and(|newest| *newest > sequence)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AgentName, Sequence>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_stays() {
        let (attempts, lab) = (Attempts::default(), "lab".parse().expect("a name"));
        assert!(!attempts.is_older(&lab, Sequence(1)));
        for sequence in [3, 5, 4] {
            attempts.begin(&lab, Sequence(sequence));
        }
        assert!(attempts.is_older(&lab, Sequence(4)));
        assert!(!attempts.is_older(&lab, Sequence(5)));
    }
}
