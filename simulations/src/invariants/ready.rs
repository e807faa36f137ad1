//! N4, L1: a proxy that starts again is ready within 3 s if there is a leader then, and there is a leader that a majority follows within 5 s, wherever a majority of the voters has nothing to complain about.

use std::collections::{BTreeMap, BTreeSet};

use warren_raft::ProxyId;

use super::glimpse::{Glimpse, newest};
use super::{Invariant, SETTLED_US, Violation};
use crate::network::HostId;
use crate::run::{Conditions, Scene};

const READY_US: u64 = 3_000_000;
const LEADER_US: u64 = 5_000_000;

/// Notes who is ready, and since when nobody leads.
#[derive(Debug, Default)]
pub(super) struct Ready {
    /// In which life a proxy was ready.
    ready: BTreeSet<(HostId, u64)>,
    /// When a proxy was seen to be one first, in microseconds: in a later life than its first it may still have to join.
    joined: BTreeMap<ProxyId, u64>,
    leaderless_since: Option<u64>,
    /// The last time without a leader, from and to.
    gap: (u64, u64),
}

/// What there is at a look.
struct Place<'a> {
    now_us: u64,
    glimpses: &'a BTreeMap<HostId, Glimpse>,
    conditions: &'a Conditions,
    /// Proxies, each with its machine.
    proxies: BTreeMap<ProxyId, HostId>,
    /// Those that start with an empty disk: they have to join first.
    wiped: &'a BTreeSet<HostId>,
    /// How long the voters may be without a leader, in microseconds.
    leader_us: u64,
}

impl Place<'_> {
    fn voters(&self) -> Vec<HostId> {
        newest(self.glimpses.values())
            .map_or(&[][..], |known| &known.voters)
            .iter()
            .filter_map(|id| self.proxies.get(id))
            .copied()
            .collect()
    }
}

impl Ready {
    /// When a proxy that began then had a leader first: where nobody led as it started, it may be the one without which nobody can be elected, and
    /// how long that takes is judged by [`leads`](Self::leads).
    fn led_from(&self, began: u64) -> Option<u64> {
        if self.leaderless_since.is_some_and(|since| since <= began) {
            return None;
        }
        let (from, to) = self.gap;
        Some(if from <= began { began.max(to) } else { began })
    }

    fn starts(&mut self, place: &Place<'_>) -> Result<(), Violation> {
        let Place { now_us, conditions, .. } = place;
        for (host, glimpse) in place.glimpses.iter().filter(|(_, glimpse)| glimpse.lease.is_some()) {
            self.ready.insert((*host, glimpse.life));
        }
        for (proxy, host) in place.proxies.iter().filter(|(_, host)| !place.wiped.contains(host)) {
            let joined = *self.joined.entry(*proxy).or_insert(*now_us);
            let Some((life, began)) = conditions.began.get(host) else { continue };
            let others: Vec<_> = place.voters().into_iter().filter(|voter| voter != host).collect();
            let is_late = *life > 1
                && self.led_from(*began).is_some_and(|led| now_us.saturating_sub(led.max(joined)) > READY_US)
                && !self.ready.contains(&(*host, *life))
                && others.len() >= 2
                && conditions.all_well_since(began.saturating_sub(SETTLED_US), others, None);
            if is_late {
                let ms = (now_us - began) / 1_000;
                return Err(Violation::new("N4", format!("the proxy of {} was started {ms} ms ago, and is not ready", host.0)));
            }
        }
        Ok(())
    }

    fn leads(&mut self, place: &Place<'_>) -> Result<(), Violation> {
        let Place { now_us, conditions, leader_us, .. } = place;
        let voters = place.voters();
        let followed = |leader: ProxyId| {
            let follow = |host: &&HostId| place.glimpses.get(host).is_some_and(|glimpse| glimpse.leader == Some(leader));
            2 * voters.iter().filter(follow).count() > voters.len()
        };
        let is_led = place.glimpses.values().any(|glimpse| glimpse.leads && followed(glimpse.id));
        if is_led || voters.is_empty() {
            if let Some(since) = self.leaderless_since.take() {
                self.gap = (since, *now_us);
            }
            return Ok(());
        }
        let since = *self.leaderless_since.get_or_insert(*now_us);
        if now_us - since > *leader_us && conditions.all_well_since(now_us - leader_us, voters, None) {
            return Err(Violation::new("L1", format!("nobody leads for {} ms, and all voters run", (now_us - since) / 1_000)));
        }
        Ok(())
    }
}

impl Invariant for Ready {
    fn look(&mut self, scene: &Scene<'_>) -> Result<(), Violation> {
        let place = Place {
            now_us: scene.now_us,
            glimpses: scene.glimpses,
            conditions: scene.conditions,
            proxies: scene.plan.topology.proxy_hosts().filter_map(|host| Some((scene.stage.id(host)?, host))).collect(),
            wiped: scene.wiped,
            // Five seconds with a time-out of one, which is drawn up to 1.4 times as long and may have to be drawn again.
            leader_us: LEADER_US * scene.plan.settings.election_ms.max(1_000) / 1_000,
        };
        self.starts(&place)?;
        self.leads(&place)
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use warren_raft::Epoch;

    use super::*;
    use crate::invariants::glimpse::Shown;

    const SECOND: u64 = 1_000_000;

    fn glimpse(id: u64, lease: Option<u64>, leader: Option<u64>) -> (HostId, Glimpse) {
        let voters = [1, 2, 3].map(ProxyId).to_vec();
        let (lease, leader) = (lease.map(Epoch), leader.map(ProxyId));
        let host = HostId(u8::try_from(id).expect("small"));
        let leads = leader == Some(ProxyId(id));
        (host, Glimpse { id: ProxyId(id), life: 2, lease, leads, leader, voters, shown: Rc::new(Shown::default()) })
    }

    /// By proxies that have long been such.
    fn looked(ready: &mut Ready, now_us: u64, glimpses: [(HostId, Glimpse); 3]) -> Result<(), &'static str> {
        ready.joined.extend([1, 2, 3].map(|id| (ProxyId(id), 0)));
        looked_at(ready, now_us, glimpses)
    }

    fn looked_at(ready: &mut Ready, now_us: u64, glimpses: [(HostId, Glimpse); 3]) -> Result<(), &'static str> {
        let (glimpses, wiped) = (glimpses.into(), BTreeSet::new());
        let began = [(HostId(1), (2, 10 * SECOND)), (HostId(2), (1, 0)), (HostId(3), (1, 0))].into();
        let conditions = Conditions { fair_since_us: Some(0), began, ..Conditions::default() };
        let proxies = [1, 2, 3].map(|id| (ProxyId(id.into()), HostId(id))).into();
        let place = Place { now_us, glimpses: &glimpses, conditions: &conditions, proxies, wiped: &wiped, leader_us: LEADER_US };
        ready.starts(&place).and_then(|()| ready.leads(&place)).map_err(|violation| violation.invariant)
    }

    #[test]
    fn a_proxy_that_is_not_ready_in_time_is_seen() {
        let with = |lease| [glimpse(1, lease, Some(2)), glimpse(2, Some(2), Some(2)), glimpse(3, Some(3), Some(2))];
        let mut ready = Ready::default();
        assert_eq!(looked(&mut ready, 13 * SECOND, with(None)), Ok(()));
        assert_eq!(looked(&mut ready, 13 * SECOND + 1, with(None)), Err("N4"));
        assert_eq!(looked(&mut ready, 13 * SECOND + 2, with(Some(4))), Ok(()));
        assert_eq!(looked(&mut ready, 20 * SECOND, with(None)), Ok(()), "it was");
    }

    #[test]
    fn a_proxy_that_has_to_join_has_its_time_from_then_on() {
        let with = |lease| [glimpse(1, lease, Some(2)), glimpse(2, Some(2), Some(2)), glimpse(3, Some(3), Some(2))];
        let mut ready = Ready::default();
        assert_eq!(looked_at(&mut ready, 15 * SECOND, with(None)), Ok(()), "it began at 10 s, and has just joined");
        assert_eq!(looked_at(&mut ready, 18 * SECOND, with(None)), Ok(()));
        assert_eq!(looked_at(&mut ready, 18 * SECOND + 1, with(None)), Err("N4"));
    }

    #[test]
    fn a_proxy_waits_for_the_election_that_it_came_into_and_for_no_other() {
        let with = |leader| [1, 2, 3].map(|id| glimpse(id, None, leader));
        for (leaderless, expected) in [(10, Ok(())), (11, Err("N4"))] {
            let mut ready = Ready::default();
            assert_eq!(looked(&mut ready, leaderless * SECOND, with(None)), Ok(()));
            assert_eq!(looked(&mut ready, 12 * SECOND, with(Some(2))), Ok(()));
            assert_eq!(looked(&mut ready, 13 * SECOND + 1, with(Some(2))), expected, "nobody led from {leaderless} s on");
            assert_eq!(looked(&mut ready, 15 * SECOND + 1, with(Some(2))), Err("N4"));
        }
    }

    #[test]
    fn a_group_that_nobody_leads_is_seen() {
        let mut ready = Ready::default();
        let nobody = || [1, 2, 3].map(|id| glimpse(id, Some(id), None));
        assert_eq!(looked(&mut ready, 30 * SECOND, nobody()), Ok(()));
        assert_eq!(looked(&mut ready, 35 * SECOND, nobody()), Ok(()));
        assert_eq!(looked(&mut ready, 35 * SECOND + 1, nobody()), Err("L1"));
        let one = [glimpse(1, Some(1), Some(1)), glimpse(2, Some(2), None), glimpse(3, Some(3), None)];
        assert_eq!(looked(&mut ready, 35 * SECOND + 2, one), Err("L1"), "a leader that nobody follows");
    }
}
