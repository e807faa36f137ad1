//! How many streams this proxy has to each agent, those that are being dialled included. Pure.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use warren_raft::AgentName;

/// The streams by agent. Cheap to clone. It holds no agent without one.
#[derive(Clone, Debug, Default)]
pub(super) struct Loads {
    by_agent: Arc<Mutex<BTreeMap<AgentName, usize>>>,
}

/// A stream to an agent, which counts until it is dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    loads: Loads,
    agent: AgentName,
}

impl Loads {
    /// Counts a stream from now on: dials that come together must not all take the same agent.
    pub(super) fn begin(&self, agent: &AgentName) -> Counted {
        *self.lock().entry(agent.clone()).or_default() += 1;
        Counted { loads: self.clone(), agent: agent.clone() }
    }

    /// How many the agent has now.
    pub(super) fn of(&self, agent: &AgentName) -> usize {
        self.lock().get(agent).copied().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AgentName, usize>> {
        self.by_agent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut by_agent = self.loads.lock();
        let Some(streams) = by_agent.get_mut(&self.agent) else { return };
        *streams -= 1;
        if *streams == 0 {
            by_agent.remove(&self.agent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_count_while_they_live_and_nobody_is_kept() {
        let (loads, [a, b]) = (Loads::default(), ["a", "b"].map(|name| name.parse::<AgentName>().expect("a name")));
        let (first, second, other) = (loads.begin(&a), loads.begin(&a), loads.begin(&b));
        assert_eq!((loads.of(&a), loads.of(&b)), (2, 1));
        drop((first, other));
        assert_eq!((loads.of(&a), loads.of(&b)), (1, 0));
        drop(second);
        assert!(loads.lock().is_empty());
    }
}
