//! N1: where a store has failed for good its process ends within three seconds: two for the farewell and all that is left (`proxy/lifecycle.rs`) by its own clock, which may go
//! slow, and a few looks.

use std::collections::BTreeMap;

use super::{Invariant, Violation};
use crate::network::HostId;
use crate::run::Scene;

const BOUND_US: u64 = 3_000_000;
/// How long ago the look before may have been.
const JUST_NOW_US: u64 = 200_000;
/// Where the store says so.
const PLACE: &str = "raft.disk_failed";

/// Notes whose store has failed.
#[derive(Debug, Default)]
pub(super) struct Failed {
    new: Vec<HostId>,
    /// In which life, and since when.
    since: BTreeMap<HostId, (u64, u64)>,
}

impl Failed {
    fn compare(&mut self, now_us: u64, bound_us: u64, began: &BTreeMap<HostId, (u64, u64)>) -> Result<(), Violation> {
        for host in std::mem::take(&mut self.new) {
            // A process that is killed may come here in its last moment: that of the next one, which began since, has not.
            if let Some((life, _)) = began.get(&host).filter(|(_, began)| began + JUST_NOW_US < now_us) {
                self.since.entry(host).or_insert((*life, now_us));
            }
        }
        // Who stands still has no time for it.
        self.since.retain(|host, (life, _)| began.get(host).is_some_and(|(now, _)| now == life));
        match self.since.iter().find(|(_, (_, since))| now_us > since + bound_us) {
            Some((host, (_, since))) => {
                let ms = (now_us - since) / 1_000;
                Err(Violation::new("N1", format!("the store of {} has failed {ms} ms ago, and its process goes on", host.0)))
            }
            None => Ok(()),
        }
    }
}

impl Invariant for Failed {
    fn reached(&mut self, host: HostId, place: &'static str) {
        if place == PLACE {
            self.new.push(host);
        }
    }

    fn look(&mut self, scene: &Scene<'_>) -> Result<(), Violation> {
        self.compare(scene.now_us, BOUND_US, &scene.conditions.began)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_without_its_store_is_seen() {
        let began = |life| [(HostId(1), (life, 0))].into();
        let mut failed = Failed::default();
        failed.reached(HostId(1), "raft.applied");
        assert_eq!(failed.compare(0, BOUND_US, &began(1)).and_then(|()| failed.compare(5_000_000, BOUND_US, &began(1))), Ok(()));
        failed.reached(HostId(1), PLACE);
        assert_eq!(failed.compare(5_000_000, BOUND_US, &began(1)).and_then(|()| failed.compare(8_000_000, BOUND_US, &began(1))), Ok(()));
        assert!(failed.compare(8_000_001, BOUND_US, &began(1)).is_err());
        assert_eq!(failed.compare(9_100_000, BOUND_US, &began(2)), Ok(()), "it has ended");
    }
}
