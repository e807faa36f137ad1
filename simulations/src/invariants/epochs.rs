//! G6: an epoch is one proxy's and one life's: what a tunnel of a former life has left behind is never valid again.

use std::collections::BTreeMap;

use warren_raft::{Epoch, ProxyId};

use super::glimpse::Glimpse;
use super::{Invariant, Violation};
use crate::run::Scene;

/// Notes whose each epoch is.
#[derive(Debug, Default)]
pub(super) struct Epochs {
    owners: BTreeMap<Epoch, ProxyId>,
    /// In which life of its proxy an epoch was held.
    lives: BTreeMap<Epoch, u64>,
}

impl Epochs {
    fn compare(&mut self, glimpse: &Glimpse) -> Result<(), Violation> {
        for (proxy, epoch) in &glimpse.shown.epochs {
            let owner = *self.owners.entry(*epoch).or_insert(*proxy);
            if owner != *proxy {
                return Err(Violation::new("G6", format!("epoch {epoch} was that of proxy {owner}, and is that of proxy {proxy}")));
            }
        }
        let Some(epoch) = glimpse.lease else { return Ok(()) };
        let life = *self.lives.entry(epoch).or_insert(glimpse.life);
        if life == glimpse.life {
            return Ok(());
        }
        Err(Violation::new("G6", format!("proxy {} holds epoch {epoch} in its lives {life} and {}", glimpse.id, glimpse.life)))
    }
}

impl Invariant for Epochs {
    fn look(&mut self, scene: &Scene<'_>) -> Result<(), Violation> {
        scene.glimpses.values().try_for_each(|glimpse| self.compare(glimpse))
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::invariants::glimpse::Shown;

    fn glimpse(life: u64, lease: u64, epochs: &[(u64, u64)]) -> Glimpse {
        let epochs = epochs.iter().map(|(proxy, epoch)| (ProxyId(*proxy), Epoch(*epoch))).collect();
        let shown = Rc::new(Shown { epochs, ..Shown::default() });
        Glimpse { id: ProxyId(1), life, lease: Some(Epoch(lease)), leads: false, leader: None, voters: Vec::new(), shown }
    }

    #[test]
    fn an_epoch_is_held_by_one_proxy_in_one_life() {
        let mut epochs = Epochs::default();
        assert_eq!(epochs.compare(&glimpse(1, 1, &[(1, 1), (2, 2)])), Ok(()));
        assert_eq!(epochs.compare(&glimpse(2, 3, &[(1, 3), (2, 2)])), Ok(()));
        assert!(epochs.compare(&glimpse(3, 3, &[(1, 3)])).is_err(), "in another life");
        assert!(epochs.compare(&glimpse(2, 3, &[(2, 3)])).is_err(), "another proxy's");
    }
}
