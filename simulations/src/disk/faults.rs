//! What is wrong with a disk at the moment.

use std::ops::Range;
use std::time::Duration;

use warren_raft::disk::Operation;

/// How long an operation goes on failing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// The next one fails.
    Once,
    /// Every one fails from now on.
    ForEver,
}

/// How a flush lies: it says that it is done, and the database stays as it is on the platter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// What is noted beside the database does become durable: the next opening after a crash must refuse.
    Database,
    /// Nothing becomes durable: no opening can know, only a checker that looks at the platter.
    Everything,
}

/// What is wrong with a disk.
#[derive(Default)]
pub(super) struct Faults {
    /// What fails.
    pub(super) failing: Option<(Operation, Lasting)>,
    /// Whether there is no room.
    pub(super) full: bool,
    /// How long a flush takes, when it does.
    pub(super) slow: Option<Range<Duration>>,
    /// How a flush lies, when it does.
    pub(super) lie: Option<Lie>,
}

impl Faults {
    /// Whether this operation fails now.
    pub(super) fn strike(&mut self, operation: Operation) -> bool {
        let Some((_, lasting)) = self.failing.filter(|(failing, _)| *failing == operation) else { return false };
        if lasting == Lasting::Once {
            self.failing = None;
        }
        true
    }
}
