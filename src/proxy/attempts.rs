//! Which tunnel of each agent was the last that asked for a route here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use warren_raft::{AgentName, Sequence};

/// The last attempt by agent. As many as there are agents. Cheap to clone.
///
/// The last that came counts, not the one of the highest number: of two tunnels that an agent opens at once the later one may come first, and be refused.
#[derive(Clone, Debug, Default)]
pub(super) struct Attempts {
    last: Arc<Mutex<BTreeMap<AgentName, Sequence>>>,
}

impl Attempts {
    /// Notes that a route for this tunnel is asked for.
    pub(super) fn begin(&self, agent: &AgentName, sequence: Sequence) {
        self.lock().insert(agent.clone(), sequence);
    }

    /// Whether another tunnel than this was the last to be tried.
    pub(super) fn is_overtaken(&self, agent: &AgentName, sequence: Sequence) -> bool {
        self.lock().get(agent).is_some_and(|last| *last != sequence)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AgentName, Sequence>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_that_came_counts() {
        let (attempts, lab) = (Attempts::default(), "lab".parse().expect("a name"));
        assert!(!attempts.is_overtaken(&lab, Sequence(1)));
        for sequence in [3, 5, 4] {
            attempts.begin(&lab, Sequence(sequence));
        }
        assert!(attempts.is_overtaken(&lab, Sequence(5)));
        assert!(!attempts.is_overtaken(&lab, Sequence(4)));
    }
}
