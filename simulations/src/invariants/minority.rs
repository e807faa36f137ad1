//! T5: a proxy that is cut off from the other proxies, and from nobody else, still connects its clients with the agents that have a tunnel to it.

use std::collections::{BTreeMap, BTreeSet};

use warren_raft::ProxyId;

use super::{Invariant, SETTLED_US, Violation};
use crate::cast::{Dialled, Outcome};
use crate::network::HostId;
use crate::plan::Mode;
use crate::run::{Conditions, Scene};

/// Looks at every dial that has failed at its first proxy.
#[derive(Debug, Default)]
pub(super) struct Minority {
    seen: BTreeSet<u64>,
    /// Since when an agent holds a tunnel to a proxy.
    holds: BTreeMap<(u16, ProxyId), u64>,
}

/// What there is when a dial has failed.
struct Place<'a> {
    /// The proxy at which it failed.
    host: HostId,
    /// Since when its agent has a tunnel there.
    held_since: Option<u64>,
    conditions: &'a Conditions,
}

fn judge(number: u64, dial: &Dialled, place: &Place<'_>) -> Result<(), Violation> {
    let Some(Outcome::Failed(code, stage, message)) = &dial.outcome else { return Ok(()) };
    let before = dial.asked_us.saturating_sub(SETTLED_US);
    let long = |since: Option<u64>| since.is_some_and(|since| since <= before);
    let Conditions { split_since_us, began, .. } = place.conditions;
    let runs = |host: &HostId| long(began.get(host).map(|(_, since)| *since));
    if !matches!(dial.dial.mode, Mode::Refused | Mode::Unknown | Mode::Denied)
        && long(*split_since_us)
        && long(place.held_since)
        && runs(&place.host)
        && runs(&dial.dial.client)
    {
        let what = format!("dial {number} ({:?}) failed at {} with {code} at {stage:?}: {message}", dial.dial, place.host.0);
        return Err(Violation::new("T5", format!("{what}; its agent has a tunnel there")));
    }
    Ok(())
}

impl Invariant for Minority {
    fn look(&mut self, scene: &Scene<'_>) -> Result<(), Violation> {
        let before = std::mem::take(&mut self.holds);
        let held = scene.stage.agents().into_iter().flat_map(|(agent, status)| status.tunnels.into_iter().map(move |proxy| (agent, proxy)));
        self.holds = held.map(|key| (key, before.get(&key).copied().unwrap_or(scene.now_us))).collect();
        let ids: BTreeMap<_, _> = scene.plan.topology.proxy_hosts().filter_map(|host| Some((host, scene.stage.id(host)?))).collect();
        scene.stage.with_dials(|dials| {
            for (number, dial) in dials.iter().filter(|(_, dial)| dial.outcome.is_some()) {
                if !self.seen.insert(*number) {
                    continue;
                }
                let host = dial.failed_at.as_ref().and_then(|name| name.strip_prefix("proxy-")?.parse().ok()).map(HostId);
                let Some(host) = host else { continue };
                let held_since = ids.get(&host).and_then(|id| self.holds.get(&(dial.dial.agent, *id))).copied();
                judge(*number, dial, &Place { host, held_since, conditions: scene.conditions })?;
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use warren::failure::{Code, Stage};

    use super::*;
    use crate::plan::Dial;

    #[test]
    fn a_dial_that_fails_beside_its_tunnel_is_seen() {
        let wanted = Dial { client: HostId(32), agent: 1, mode: Mode::Echo, bytes: 1, timeout_ms: 5_000 };
        let mut dial = Dialled::new(wanted, 20_000_000);
        dial.outcome = Some(Outcome::Failed(Code::NoQuorum, Stage::Route, String::new()));
        let began = [(HostId(0), (1, 0)), (HostId(32), (1, 0))].into();
        let split = Conditions { split_since_us: Some(10_000_000), began, ..Conditions::default() };
        let violated = |held_since, conditions: &Conditions| judge(1, &dial, &Place { host: HostId(0), held_since, conditions }).is_err();
        assert!(violated(Some(10_000_000), &split));
        assert!(!violated(None, &split) && !violated(Some(19_000_000), &split));
        assert!(!violated(Some(0), &Conditions { split_since_us: None, ..split }));
    }
}
