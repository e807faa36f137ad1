//! T2: a route does not outlive its proxy by more than the lease and 2 s (and 2 s for an election, where the leader itself has died), nor a tunnel that was closed in good order by more than half
//! a second, nor any other one by more than 20 s: a tunnel that falls silent is closed after 8 s (`proxy/liveness.rs`), one that is not wanted after 15 s at the latest (`agent/live.rs`).

use std::collections::{BTreeMap, BTreeSet};

use warren_raft::{AgentName, ProxyId};

use super::glimpse::{Shown, newest};
use super::{Invariant, SETTLED_US, Violation};
use crate::network::HostId;
use crate::run::{Conditions, Scene};

const PROXY_US: u64 = 4_000_000;
const CLOSED_US: u64 = 500_000;
const SILENT_US: u64 = 20_000_000;
/// How often a datagram goes to and fro until a closed tunnel's route is gone: close, proposal, replication, answer.
const TURNS: u64 = 12;

type Key = (AgentName, ProxyId);

/// Notes since when there is nothing behind a route.
#[derive(Debug, Default)]
pub(super) struct Stale {
    silent: BTreeMap<Key, u64>,
    /// What an agent held that has ended in good order, and since when.
    closed: BTreeMap<Key, u64>,
    /// What was held at the look before.
    held: BTreeSet<Key>,
}

/// What there is in truth.
struct Truth<'a> {
    now_us: u64,
    lease_us: u64,
    latency_us: u64,
    /// The proxies, each with its machine.
    proxies: BTreeMap<ProxyId, HostId>,
    /// What each agent holds.
    held: BTreeSet<Key>,
    /// Agents that have ended in good order.
    ended: BTreeSet<AgentName>,
    /// A voter's machine has lost its disk, and whoever runs there is somebody else: it may be the leader that died.
    is_bereft: bool,
    conditions: &'a Conditions,
}

impl Truth<'_> {
    fn well_since(&self, since_us: u64, but: Option<HostId>) -> bool {
        !self.is_bereft && self.conditions.all_well_since(since_us.saturating_sub(SETTLED_US), self.proxies.values().copied(), but)
    }
}

impl Stale {
    fn compare(&mut self, shown: &Shown, truth: &Truth<'_>) -> Result<(), Violation> {
        self.note(shown, truth);
        for key in shown.routes.keys() {
            let (agent, proxy) = key;
            let host = truth.proxies.get(proxy).copied();
            let died = host.and_then(|host| truth.conditions.down.get(&host)).map(|since| (*since, truth.lease_us + PROXY_US, host));
            let closed = self.closed.get(key).map(|since| (*since, CLOSED_US + TURNS * truth.latency_us, None));
            let silent = self.silent.get(key).map(|since| (*since, SILENT_US, None));
            for ((since, bound, but), why) in [(died, "its proxy"), (closed, "its agent"), (silent, "the tunnel")]
                .into_iter()
                .filter_map(|(known, why)| known.map(|known| (known, why)))
            {
                if truth.now_us > since + bound && truth.well_since(since, but) {
                    let ms = (truth.now_us - since) / 1_000;
                    return Err(Violation::new("T2", format!("{why} is gone for {ms} ms, and {agent} is still found at proxy {proxy}")));
                }
            }
        }
        Ok(())
    }

    fn note(&mut self, shown: &Shown, truth: &Truth<'_>) {
        let silent = std::mem::take(&mut self.silent);
        let without = shown.routes.keys().filter(|key| !truth.held.contains(*key));
        self.silent = without.map(|key| (key.clone(), silent.get(key).copied().unwrap_or(truth.now_us))).collect();
        // Only what it held was closed: the tunnels of a life that was cut off end in silence.
        self.closed.retain(|(agent, _), _| truth.ended.contains(agent));
        for key in self.held.iter().filter(|(agent, _)| truth.ended.contains(agent)) {
            self.closed.entry(key.clone()).or_insert(truth.now_us);
        }
        self.held.clone_from(&truth.held);
    }
}

impl Invariant for Stale {
    fn look(&mut self, scene: &Scene<'_>) -> Result<(), Violation> {
        let Some(known) = newest(scene.glimpses.values()) else { return Ok(()) };
        let ids = scene.plan.topology.proxy_hosts().filter_map(|host| Some((scene.stage.id(host)?, host)));
        let proxies: BTreeMap<_, _> = ids.collect();
        let up = known.voters.iter().filter(|voter| proxies.get(voter).is_some_and(|host| scene.up.contains(host)));
        if 2 * up.count() <= known.voters.len() {
            return Ok(());
        }
        let name = |agent: u16| format!("agent-{agent}").parse::<AgentName>().ok();
        let held = scene.stage.agents().into_iter().filter_map(|(agent, status)| Some((name(agent)?, status.tunnels)));
        let truth = Truth {
            now_us: scene.now_us,
            lease_us: scene.plan.settings.lease_ms * 1_000,
            is_bereft: known.voters.iter().any(|voter| !proxies.contains_key(voter)),
            latency_us: scene.plan.settings.latency_us,
            proxies,
            held: held.flat_map(|(agent, tunnels)| tunnels.into_iter().map(move |proxy| (agent.clone(), proxy))).collect(),
            ended: scene.stage.ended().into_iter().filter_map(name).collect(),
            conditions: scene.conditions,
        };
        self.compare(&known.shown, &truth)
    }
}

#[cfg(test)]
mod tests {
    use warren_raft::{Epoch, Sequence};

    use super::*;

    const SECOND: u64 = 1_000_000;

    /// Whether a route is objected to that is there at 10 s and so long after, with this in truth.
    fn stale(after_us: u64, change: impl Fn(&mut Truth<'_>)) -> bool {
        let agent: AgentName = "agent-1".parse().expect("a name");
        let key = (agent, ProxyId(1));
        let shown = Shown { routes: [(key.clone(), (Epoch(1), Sequence(1)))].into(), ..Shown::default() };
        let down: &[(HostId, u64)] = &[(HostId(0), 10 * SECOND)];
        let conditions = Conditions {
            fair_since_us: Some(0),
            began: [(HostId(1), (1, 0)), (HostId(2), (1, 0))].into(),
            down: down.iter().copied().collect(),
            ..Conditions::default()
        };
        let mut stale = Stale::default();
        [9 * SECOND, 10 * SECOND, 10 * SECOND + after_us].into_iter().any(|now_us| {
            let mut truth = Truth {
                now_us,
                lease_us: 3 * SECOND,
                latency_us: 0,
                proxies: [(ProxyId(1), HostId(1)), (ProxyId(2), HostId(2))].into(),
                held: [key.clone()].into(),
                ended: BTreeSet::new(),
                is_bereft: false,
                conditions: &conditions,
            };
            if now_us >= 10 * SECOND {
                change(&mut truth);
            }
            stale.compare(&shown, &truth).is_err()
        })
    }

    #[test]
    fn each_bound_is_kept_and_not_more() {
        let dead = |truth: &mut Truth<'_>| {
            truth.proxies.insert(ProxyId(1), HostId(0));
        };
        assert!(!stale(7 * SECOND, dead) && stale(7 * SECOND + 1, dead));
        let closed = |truth: &mut Truth<'_>| {
            truth.ended.insert("agent-1".parse().expect("a name"));
        };
        assert!(!stale(SECOND / 2, closed) && stale(SECOND / 2 + 1, closed));
        let with_the_leader = |truth: &mut Truth<'_>| {
            closed(truth);
            truth.is_bereft = true;
        };
        assert!(!stale(100 * SECOND, with_the_leader), "nobody may lead");
        let silent = |truth: &mut Truth<'_>| truth.held.clear();
        assert!(!stale(20 * SECOND, silent) && stale(20 * SECOND + 1, silent));
        assert!(!stale(100 * SECOND, |_| {}), "a tunnel that is held");
    }
}
