//! Since when each member has been up, or down.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use crate::ids::ProxyId;

/// What the leader sees of a member, and since when without a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It is alive and has caught up.
    Up {
        /// Since when.
        since: Instant,
    },
    /// It is not alive, or lags behind.
    Down {
        /// Since when.
        since: Instant,
    },
}

/// Remembers since when each member has been as it is.
#[derive(Clone, Debug, Default)]
pub struct HealthWatch {
    seen: BTreeMap<ProxyId, Health>,
}

impl HealthWatch {
    /// Takes note of which members are up now. Who was not a member before counts from now.
    pub fn observe(&mut self, members: &BTreeSet<ProxyId>, up: &BTreeSet<ProxyId>, now: Instant) -> &BTreeMap<ProxyId, Health> {
        let before = std::mem::take(&mut self.seen);
        let health = |id: ProxyId| match (up.contains(&id), before.get(&id)) {
            (true, Some(up @ Health::Up { .. })) => *up,
            (false, Some(down @ Health::Down { .. })) => *down,
            (true, _) => Health::Up { since: now },
            (false, _) => Health::Down { since: now },
        };
        self.seen = members.iter().map(|id| (*id, health(*id))).collect();
        &self.seen
    }

    /// Forgets everything: this member does not lead any more. The next time it does, everybody has the whole time again.
    pub fn reset(&mut self) {
        self.seen.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_state_counts_without_a_break() {
        let (start, step) = (Instant::now(), Duration::from_secs(1));
        let set = |ids: &[u64]| ids.iter().copied().map(ProxyId).collect::<BTreeSet<_>>();
        let mut watch = HealthWatch::default();
        let up = |since| Some(Health::Up { since });
        let down = |since| Some(Health::Down { since });
        let mut check = |members: &[u64], healthy: &[u64], after: u32, expected: [Option<Health>; 3]| {
            let seen = watch.observe(&set(members), &set(healthy), start + step * after);
            assert_eq!([1, 2, 3].map(|id| seen.get(&ProxyId(id)).copied()), expected, "{after}");
        };
        check(&[1, 2], &[1, 2], 0, [up(start), up(start), None]);
        check(&[1, 2, 3], &[1], 1, [up(start), down(start + step), down(start + step)]);
        check(&[1, 2, 3], &[1, 3], 2, [up(start), down(start + step), up(start + step * 2)]);
        check(&[1, 2, 3], &[1, 2, 3], 3, [up(start), up(start + step * 3), up(start + step * 2)]);
        check(&[1, 2], &[1, 2], 4, [up(start), up(start + step * 3), None]);
        check(&[1, 3], &[1], 5, [up(start), None, down(start + step * 5)]);
        watch.reset();
        let now = start + step * 6;
        assert_eq!(watch.observe(&set(&[1]), &set(&[1]), now).get(&ProxyId(1)), Some(&Health::Up { since: now }));
    }
}
