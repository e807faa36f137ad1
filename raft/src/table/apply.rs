//! How a command changes the table.
use super::Table;
use crate::command::{Answers, Proposal};

impl Table {
    /// Applies one proposal and returns the answer to each of its commands.
    pub fn apply(&mut self, proposal: &Proposal) -> Answers {
        let _ = proposal;
        todo!()
    }
}
