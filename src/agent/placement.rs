//! Which tunnels an agent ought to hold. Pure.

use std::collections::BTreeMap;

use rand::Rng;
use rand::seq::IteratorRandom;
use warren_raft::{ProxyId, Strategy, StrategyKind};

use crate::wire::Member;

/// Most tunnels of one agent, whatever the cluster says.
pub(super) const MAX_TUNNELS: usize = 256;
/// Most tunnels that wait for a quorum at the same time. Without a quorum anywhere each agent holds so many, which must not be a stampede; a minority
/// in which it could get stuck is smaller in a cluster of nine voters, and in a larger one it lies in another zone.
pub(super) const MAX_WAITING: usize = 8;

/// What is known of a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Being made.
    Connecting,
    /// Welcomed.
    Up,
    /// Held by a proxy that has no quorum: its route is not in the table, so that a tunnel elsewhere is wanted too.
    Waiting,
    /// Its proxy is going away: it counts no more, and its streams run on.
    Leaving,
}

impl State {
    /// Whether it is one of those that are wanted.
    fn counts(self) -> bool {
        match self {
            Self::Connecting | Self::Up => true,
            Self::Waiting | Self::Leaving => false,
        }
    }
}

/// What the agent knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Knowledge {
    /// The proxies, as the last one that spoke has told.
    pub(super) proxies: Vec<Member>,
    /// How tunnels are to be held; `None` before the first welcome.
    pub(super) strategy: Option<Strategy>,
    /// The tunnels by proxy.
    pub(super) tunnels: BTreeMap<ProxyId, State>,
    /// Whether a tunnel to an address from the configuration is being made, to whichever proxy it leads.
    pub(super) entering: bool,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Make a tunnel to this proxy.
    Open(Member),
    /// Make a tunnel to any proxy, by an address from the configuration.
    Enter,
}

impl Knowledge {
    /// How many tunnels there should be.
    fn wanted(&self) -> usize {
        let up = self.proxies.iter().filter(|proxy| proxy.is_up()).count();
        match self.strategy {
            None => 1,
            Some(Strategy { kind: StrategyKind::AgentMesh, .. }) => up.clamp(1, MAX_TUNNELS),
            Some(Strategy { kind: StrategyKind::ProxyPeering, agent_connection_count }) => {
                usize::try_from(agent_connection_count).unwrap_or(MAX_TUNNELS).clamp(1, MAX_TUNNELS).min(up.max(1))
            }
        }
    }

    /// The next step towards the wanted tunnels, or `None` when they are there or on their way. `blocked` are the proxies that failed a moment ago.
    pub(super) fn next(&self, blocked: impl Fn(ProxyId) -> bool, rng: &mut impl Rng) -> Option<Step> {
        let counted = self.tunnels.values().filter(|state| state.counts()).count() + usize::from(self.entering);
        if counted >= self.wanted() || self.waiting() >= MAX_WAITING {
            return None;
        }
        let free = self.proxies.iter().filter(|proxy| proxy.is_up() && !proxy.public_addresses.is_empty());
        let free = free.filter(|proxy| !self.tunnels.contains_key(&proxy.id) && !blocked(proxy.id));
        // Another zone than the tunnels it has, where there is one.
        let elsewhere = free.clone().filter(|proxy| !self.zones().any(|zone| zone == proxy.zone)).choose(rng);
        match elsewhere.or_else(|| free.choose(rng)) {
            Some(proxy) => Some(Step::Open(proxy.clone())),
            None if self.is_adrift() => Some(Step::Enter),
            None => None,
        }
    }

    /// Whether there is no tunnel, and none is being made.
    pub(super) fn is_adrift(&self) -> bool {
        !self.entering && self.tunnels.values().all(|state| *state == State::Leaving)
    }

    /// How many tunnels wait for a quorum.
    pub(super) fn waiting(&self) -> usize {
        self.tunnels.values().filter(|state| **state == State::Waiting).count()
    }

    fn zones(&self) -> impl Iterator<Item = &str> {
        self.proxies.iter().filter(|proxy| self.tunnels.contains_key(&proxy.id)).map(|proxy| proxy.zone.as_str())
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::wire::MemberState;

    fn member(id: u64, zone: &str) -> Member {
        Member {
            id: ProxyId(id),
            name: format!("proxy-{id}"),
            peer_address: String::new(),
            public_addresses: vec![format!("127.0.0.1:{id}")],
            zone: zone.to_owned(),
            state: MemberState::Up,
            tunnels: 0,
        }
    }

    fn knowledge(proxies: &[Member], count: u32, tunnels: &[(u64, State)]) -> Knowledge {
        Knowledge {
            proxies: proxies.to_vec(),
            strategy: Some(Strategy { kind: StrategyKind::ProxyPeering, agent_connection_count: count }),
            tunnels: tunnels.iter().map(|(id, state)| (ProxyId(*id), *state)).collect(),
            entering: false,
        }
    }

    fn rng() -> rand::rngs::StdRng {
        rand::rngs::StdRng::seed_from_u64(1)
    }

    #[test]
    fn knows_when_it_has_enough() {
        let proxies = [member(1, ""), member(2, ""), member(3, "")];
        let table = [
            (1, vec![(1, State::Up)], true),
            (1, vec![(1, State::Connecting)], true),
            (1, vec![(1, State::Leaving)], false),
            (1, vec![(1, State::Waiting)], false),
            (1, vec![(1, State::Waiting), (2, State::Up)], true),
            (2, vec![(1, State::Up)], false),
            (9, vec![(1, State::Up), (2, State::Up), (3, State::Up)], true),
        ];
        for (count, tunnels, enough) in table {
            let step = knowledge(&proxies, count, &tunnels).next(|_| false, &mut rng());
            assert_eq!(step.is_none(), enough, "{count} {tunnels:?} {step:?}");
        }
        let mut mesh = knowledge(&proxies, 1, &[(1, State::Up), (2, State::Up)]);
        mesh.strategy = Some(Strategy { kind: StrategyKind::AgentMesh, agent_connection_count: 1 });
        assert_eq!(mesh.next(|_| false, &mut rng()), Some(Step::Open(member(3, ""))));
    }

    #[test]
    fn without_a_quorum_anywhere_it_stops_at_a_bound_and_does_not_enter_anew() {
        let proxies: Vec<_> = (1..=20).map(|id| member(id, "")).collect();
        let mut held = knowledge(&proxies, 1, &[]);
        while let Some(step) = held.next(|_| false, &mut rng()) {
            let Step::Open(proxy) = step else { panic!("{step:?}") };
            assert_eq!(held.tunnels.insert(proxy.id, State::Waiting), None);
        }
        assert_eq!(held.waiting(), MAX_WAITING);
        let blocked = knowledge(&proxies, 1, &[(1, State::Waiting)]);
        assert_eq!(blocked.next(|_| true, &mut rng()), None);
    }

    #[test]
    fn goes_to_another_zone_and_around_what_has_failed() {
        let proxies = [member(1, "a"), member(2, "a"), member(3, "b")];
        let held = knowledge(&proxies, 2, &[(1, State::Up)]);
        assert_eq!(held.next(|_| false, &mut rng()), Some(Step::Open(member(3, "b"))));
        assert_eq!(held.next(|proxy| proxy.0 == 3, &mut rng()), Some(Step::Open(member(2, "a"))));
        assert_eq!(held.next(|_| true, &mut rng()), None);
    }

    #[test]
    fn enters_by_its_configuration_when_it_knows_no_way() {
        assert_eq!(Knowledge::default().next(|_| false, &mut rng()), Some(Step::Enter));
        let entering = Knowledge { entering: true, ..Knowledge::default() };
        assert_eq!(entering.next(|_| false, &mut rng()), None);
        let proxies = [member(1, "")];
        assert_eq!(knowledge(&proxies, 1, &[]).next(|_| true, &mut rng()), Some(Step::Enter));
        assert_eq!(knowledge(&proxies, 1, &[(1, State::Leaving)]).next(|_| true, &mut rng()), Some(Step::Enter));
    }
}
