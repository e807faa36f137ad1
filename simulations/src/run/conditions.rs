//! What is wrong, and since when: what may be expected depends on it. Pure.

use std::collections::BTreeMap;

use crate::network::HostId;

/// What is wrong at a look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Machines whose programs do not run, or stand still, and since when, in microseconds of the world.
    pub down: BTreeMap<HostId, u64>,
    /// Machines whose programs run: in which life, and since when.
    pub began: BTreeMap<HostId, (u64, u64)>,
    /// Since when neither network, clock nor disk is wrong; `None` while one is. A program that is not there is no matter here.
    pub fair_since_us: Option<u64>,
    /// Since when nothing is wrong but that proxies are cut off from each other; `None` while that is not so.
    pub split_since_us: Option<u64>,
}

/// How a machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Which.
    pub host: HostId,
    /// Whether its program runs and does not stand still.
    pub is_up: bool,
    /// Which life of its program it is.
    pub life: u64,
}

impl Conditions {
    /// The machines are so now.
    pub fn see(&mut self, now_us: u64, machines: impl IntoIterator<Item = Machine>) {
        for Machine { host, is_up, life } in machines {
            if !is_up {
                self.began.remove(&host);
                self.down.entry(host).or_insert(now_us);
                continue;
            }
            self.down.remove(&host);
            if self.began.get(&host).is_none_or(|(known, _)| *known != life) {
                self.began.insert(host, (life, now_us));
            }
        }
    }

    /// Whether all of these but one run since then, and nothing else is wrong since then.
    pub fn all_well_since(&self, since_us: u64, hosts: impl IntoIterator<Item = HostId>, but: Option<HostId>) -> bool {
        let fair = self.fair_since_us.is_some_and(|fair| fair <= since_us);
        fair && hosts
            .into_iter()
            .filter(|host| Some(*host) != but)
            .all(|host| self.began.get(&host).is_some_and(|(_, began)| *began <= since_us))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_well_since_its_last_life_began() {
        let machine = |host, is_up, life| Machine { host: HostId(host), is_up, life };
        let mut conditions = Conditions { fair_since_us: Some(5), ..Conditions::default() };
        conditions.see(10, [machine(1, true, 1), machine(2, true, 1)]);
        conditions.see(20, [machine(1, true, 2), machine(2, true, 1)]);
        let both = [HostId(1), HostId(2)];
        assert!(!conditions.all_well_since(10, both, None) && conditions.all_well_since(20, both, None));
        assert!(conditions.all_well_since(10, both, Some(HostId(1))));
        conditions.see(30, [machine(1, true, 2), machine(2, false, 1)]);
        conditions.see(40, [machine(1, true, 2), machine(2, false, 1)]);
        assert_eq!(conditions.down, [(HostId(2), 30)].into());
        assert!(!conditions.all_well_since(40, both, None));
        conditions.fair_since_us = None;
        assert!(!conditions.all_well_since(40, [HostId(1)], None));
    }
}
