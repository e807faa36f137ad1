//! A table that nobody needs any more. A million agents take a good part of a second to free: whoever shares a thread with others does it in
//! steps.

use std::sync::Arc;

use super::name_map::Remains as NameMapRemains;
use super::presence::Presence;
use super::{Agent, Publishing, Table};

/// What of a table is still to be let go of. Dropped, the rest goes at once.
pub(crate) struct Remains {
    presences: NameMapRemains<Presence>,
    agents: NameMapRemains<Arc<Agent>>,
    publishing: NameMapRemains<Arc<Publishing>>,
}

impl From<Table> for Remains {
    /// What is large; the rest of the table goes here.
    fn from(table: Table) -> Self {
        Self { presences: table.presences.into(), agents: table.agents.into(), publishing: table.publishing.into() }
    }
}

impl Remains {
    /// Whether somebody looks into this very table, or into one that has not changed much since.
    pub(crate) fn is_shared(&self) -> bool {
        self.presences.is_shared() || self.agents.is_shared() || self.publishing.is_shared()
    }

    /// Lets go of at most so many nodes, each of a few dozen agents, and says whether anything is left.
    pub(crate) fn shrink(&mut self, nodes: usize) -> bool {
        (0..nodes).all(|_| self.presences.shrink() || self.agents.shrink() || self.publishing.shrink())
    }
}
