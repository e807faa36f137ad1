//! What a dialler remembers of the quorum: while none was found a moment ago, the next miss need not wait to learn the same.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long the leader is given to confirm a miss before the peers are asked beside it.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long it may take at most.
const CONFIRM: Duration = Duration::from_secs(3);
/// The same while no quorum was found a moment ago: enough for a leader that is back to say so.
const GLANCE: Duration = Duration::from_millis(300);
/// How long a moment is.
const MEMORY: Duration = Duration::from_secs(5);

/// How long a confirmation is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Patience {
    /// Before the peers are asked beside it.
    pub(super) alone: Duration,
    /// In all.
    pub(super) total: Duration,
}

/// When a confirmation has failed last.
#[derive(Debug, Default)]
pub(super) struct QuorumMemory {
    missed: Mutex<Option<Instant>>,
}

impl QuorumMemory {
    /// How long to wait for the next one. `isolated` is whether this proxy has lost its lease.
    pub(super) fn patience(&self, isolated: Isolated, now: Instant) -> Patience {
        let missed = self.lock().is_some_and(|missed| now.saturating_duration_since(missed) < MEMORY);
        if missed || isolated == Isolated::Yes {
            Patience { alone: Duration::ZERO, total: GLANCE }
        } else {
            Patience { alone: PATIENCE, total: CONFIRM }
        }
    }

    /// A leader has confirmed.
    pub(super) fn confirmed(&self) {
        *self.lock() = None;
    }

    /// None has.
    pub(super) fn missed(&self, now: Instant) {
        *self.lock() = Some(now);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.missed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether this proxy has lost its lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Isolated {
    Yes,
    No,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quorum_that_was_missed_a_moment_ago_is_not_waited_for() {
        let (memory, start) = (QuorumMemory::default(), Instant::now());
        let patient = Patience { alone: PATIENCE, total: CONFIRM };
        let glance = Patience { alone: Duration::ZERO, total: GLANCE };
        assert_eq!(memory.patience(Isolated::No, start), patient);
        assert_eq!(memory.patience(Isolated::Yes, start), glance);
        memory.missed(start);
        assert_eq!(memory.patience(Isolated::No, start + MEMORY / 2), glance);
        assert_eq!(memory.patience(Isolated::No, start + MEMORY), patient, "it is asked in earnest now and then");
        memory.missed(start + MEMORY);
        memory.confirmed();
        assert_eq!(memory.patience(Isolated::No, start + MEMORY), patient);
    }
}
