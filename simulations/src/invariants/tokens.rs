//! G7: a token admits as many machines as it has uses, and no more.

use super::glimpse::Shown;
use super::{Invariant, Violation};
use crate::cast::Admissions;
use crate::run::Scene;

/// Counts uses, in the tables and at the machines.
#[derive(Debug, Default)]
pub(super) struct Tokens;

fn counted(shown: &Shown) -> Result<(), Violation> {
    match shown.tokens.iter().find(|(_, (uses, used))| *used as u64 > u64::from(*uses)) {
        Some((id, (uses, used))) => Err(Violation::new("G7", format!("token {id} has {uses} uses and was used {used} times"))),
        None => Ok(()),
    }
}

fn admitted(admissions: &Admissions) -> Result<(), Violation> {
    if admissions.admitted <= admissions.uses {
        return Ok(());
    }
    Err(Violation::new("G7", format!("a token of {} uses has admitted {} machines", admissions.uses, admissions.admitted)))
}

impl Invariant for Tokens {
    fn look(&mut self, scene: &Scene<'_>) -> Result<(), Violation> {
        scene.glimpses.values().try_for_each(|glimpse| counted(&glimpse.shown))?;
        scene.stage.admissions().iter().try_for_each(admitted)
    }
}

#[cfg(test)]
mod tests {
    use warren_raft::TokenId;

    use super::*;

    #[test]
    fn a_use_too_many_is_seen() {
        let shown = |used| Shown { tokens: [(TokenId([1; 8]), (2, used))].into(), ..Shown::default() };
        assert!(counted(&shown(2)).is_ok() && counted(&shown(3)).is_err());
        let machines = |admitted| admitted_of(2, admitted);
        assert!(machines(2).is_ok() && machines(3).is_err());
    }

    fn admitted_of(uses: u32, number: u32) -> Result<(), Violation> {
        admitted(&Admissions { uses, admitted: number })
    }
}
