//! What everybody has to have before the rotation may go on. Pure.

use warren_raft::{RotationPhase, Table};

use crate::identity::fingerprint::fingerprint;
use crate::wire::{Fingerprint, Holdings};

/// What a machine, or a proxy, has to have in the present phase.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Needs {
    /// Whom it has to trust, exactly.
    trusted: Vec<Fingerprint>,
    /// Who has to have issued its certificate, if that matters.
    issuer: Option<Fingerprint>,
}

impl Needs {
    /// What agents and clients need.
    pub(super) fn of_machines(table: &Table) -> Self {
        let matters = table.rotation().is_some_and(|rotation| rotation.phase != RotationPhase::Trusting);
        let issuer = table.issuing_authority().filter(|_| matters).map(|record| fingerprint(record.certificate));
        Self { trusted: trusted(table), issuer }
    }

    /// What proxies need: they are the last to present certificates of another authority.
    pub(super) fn of_proxies(table: &Table) -> Self {
        let issuer = table.presented_authority().map(|record| fingerprint(record.certificate));
        Self { trusted: trusted(table), issuer }
    }

    /// Whether it has that.
    pub(super) fn are_met(&self, holds: &Holdings) -> bool {
        let trusts = self.trusted.len() == holds.trusted.len() && self.trusted.iter().all(|needed| holds.trusted.contains(needed));
        trusts && self.issuer.is_none_or(|needed| holds.issuer == Some(needed))
    }
}

fn trusted(table: &Table) -> Vec<Fingerprint> {
    table.trusted_authorities().into_iter().map(|record| fingerprint(record.certificate)).collect()
}

#[cfg(test)]
mod tests {
    use warren_raft::{Serial, Timestamp};

    use super::*;

    #[test]
    fn all_have_to_be_trusted_and_nobody_else_and_the_right_one_has_to_issue() {
        let (old, new) = ([1; 32], [2; 32]);
        let holds = |trusted: &[Fingerprint], issuer| Holdings {
            serial: Serial([0; 16]),
            expires_at: Timestamp(0),
            lifetime_ms: 0,
            issuer,
            trusted: trusted.to_vec(),
        };
        let trusting = Needs { trusted: vec![old, new], issuer: None };
        let issuing = Needs { trusted: vec![new, old], issuer: Some(new) };
        let table = [
            (&trusting, holds(&[old, new], Some(old)), true),
            (&trusting, holds(&[new, old], Some(old)), true),
            (&trusting, holds(&[old], Some(old)), false),
            (&trusting, holds(&[old, [3; 32]], Some(old)), false),
            (&issuing, holds(&[old, new], Some(old)), false),
            (&issuing, holds(&[old, new], Some(new)), true),
            (&issuing, holds(&[new], Some(new)), false),
            (&issuing, holds(&[new, old], None), false),
        ];
        for (needs, holds, met) in table {
            assert_eq!(needs.are_met(&holds), met, "{needs:?} {holds:?}");
        }
    }
}
