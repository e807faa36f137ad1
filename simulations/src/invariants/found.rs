//! T1: what is committed is known to every proxy that is connected, 2 s after the first one knows it (simulation.md).

use std::collections::{BTreeMap, BTreeSet};

use warren_raft::{AgentName, Epoch, ProxyId, Sequence};

use super::glimpse::{Glimpse, newest};
use super::{Invariant, SETTLED_US, Violation};
use crate::network::HostId;
use crate::run::{Conditions, Scene};

const BOUND_US: u64 = 2_000_000;

type Route = ((AgentName, ProxyId), (Epoch, Sequence));

/// Notes since when each route is known to somebody.
#[derive(Debug, Default)]
pub(super) struct Found {
    since: BTreeMap<Route, u64>,
}

impl Found {
    /// `members` are the machines of the proxies that run, and of the voters: without its leader nobody is told anything.
    fn compare(
        &mut self,
        now_us: u64,
        (glimpses, members): (&BTreeMap<HostId, Glimpse>, &BTreeSet<HostId>),
        conditions: &Conditions,
    ) -> Result<(), Violation> {
        let Some(known) = newest(glimpses.values()) else { return Ok(()) };
        let routes = || known.shown.routes.iter().map(|(key, value)| (key.clone(), *value));
        let before = std::mem::take(&mut self.since);
        self.since = routes().map(|route| (route.clone(), before.get(&route).copied().unwrap_or(now_us))).collect();
        for (host, glimpse) in glimpses.iter().filter(|(_, glimpse)| glimpse.lease.is_some()) {
            let late = self.since.iter().find(|((key, value), since)| {
                now_us > **since + BOUND_US
                    && glimpse.shown.routes.get(key) != Some(value)
                    && conditions.all_well_since(since.saturating_sub(SETTLED_US), members.iter().copied(), None)
            });
            if let Some((((agent, proxy), (_, sequence)), since)) = late {
                let known_ms = (now_us - since) / 1_000;
                let what =
                    format!("tunnel {sequence} of {agent} to proxy {proxy} is known for {known_ms} ms, and not to the proxy of {}", host.0);
                return Err(Violation::new("T1", what));
            }
        }
        Ok(())
    }
}

impl Invariant for Found {
    fn look(&mut self, scene: &Scene<'_>) -> Result<(), Violation> {
        let voters: BTreeSet<_> = newest(scene.glimpses.values()).into_iter().flat_map(|known| known.voters.iter().copied()).collect();
        let hosts = scene.plan.topology.proxy_hosts().filter(|host| scene.stage.id(*host).is_some_and(|id| voters.contains(&id)));
        let members = scene.glimpses.keys().copied().chain(hosts).collect();
        self.compare(scene.now_us, (scene.glimpses, &members), scene.conditions)
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::invariants::glimpse::Shown;

    fn glimpse(id: u64, knows: bool) -> Glimpse {
        let key = ("a".parse().expect("a name"), ProxyId(1));
        let routes = knows.then_some((key, (Epoch(1), Sequence(1)))).into_iter().collect();
        let shown = Rc::new(Shown { applied: u64::from(knows), routes, ..Shown::default() });
        Glimpse { id: ProxyId(id), life: 1, lease: Some(Epoch(id)), leads: false, leader: None, voters: Vec::new(), shown }
    }

    #[test]
    fn a_proxy_that_is_behind_is_seen_when_nothing_explains_it() {
        let fair = Conditions { fair_since_us: Some(0), began: [(HostId(0), (1, 0)), (HostId(1), (1, 0))].into(), ..Conditions::default() };
        for (conditions, knows, violated) in [(fair.clone(), false, true), (fair, true, false), (Conditions::default(), false, false)] {
            let glimpses = [(HostId(0), glimpse(1, true)), (HostId(1), glimpse(2, knows))].into();
            let mut found = Found::default();
            let members = [HostId(0), HostId(1)].into();
            assert_eq!(found.compare(10_000_000, (&glimpses, &members), &conditions), Ok(()));
            assert_eq!(found.compare(12_000_000, (&glimpses, &members), &conditions), Ok(()), "there is time left");
            assert_eq!(found.compare(12_000_001, (&glimpses, &members), &conditions).is_err(), violated);
        }
    }
}
