//! Moments that a search must have met, or it has shown nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use warren_raft::command::Answers;
use warren_raft::{Command, Rejection};

use super::Fault;
use super::registration::NEVER;

/// Which moments have come. They are no part of a state, or each would be there with and without them.
#[derive(Clone, Debug, Default)]
pub struct Moments(Arc<Met>);

#[derive(Debug, Default)]
struct Met {
    late_withdrawal: AtomicBool,
    late_registration: AtomicBool,
    old_sequence: AtomicBool,
    old_epoch: AtomicBool,
}

impl Moments {
    /// What a proposal was answered.
    pub(super) fn note(&self, answers: &Answers) {
        match answers.first() {
            Some(Err(Rejection::SequenceOld { .. })) => self.0.old_sequence.store(true, Ordering::Relaxed),
            Some(Err(Rejection::EpochOver { .. })) => self.0.old_epoch.store(true, Ordering::Relaxed),
            Some(_) | None => {}
        }
    }

    /// A proposal came after a later one of its proposer.
    pub(super) fn overtaken(&self, command: &Command) {
        if matches!(command, Command::WithdrawRoute { .. }) {
            self.0.late_withdrawal.store(true, Ordering::Relaxed);
        }
        if matches!(command, Command::RegisterRoute { .. }) {
            self.0.late_registration.store(true, Ordering::Relaxed);
        }
    }

    /// Those that have not come; a search that stops at a fault owes none.
    pub(super) fn missing(&self, fault: Option<Fault>) -> Vec<(&'static str, String)> {
        let Met { late_withdrawal, late_registration, old_sequence, old_epoch } = &*self.0;
        let all = [
            ("a withdrawal is overtaken", late_withdrawal),
            ("a registration is overtaken", late_registration),
            ("a registration of an older tunnel is refused", old_sequence),
            ("a registration of an epoch that is over is refused", old_epoch),
        ];
        let missing = all.into_iter().filter(|(_, met)| fault.is_none() && !met.load(Ordering::Relaxed));
        missing.map(|(name, _)| (name, NEVER.to_owned())).collect()
    }
}
