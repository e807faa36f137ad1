//! In which order the tunnels of an agent are tried. Pure.

use std::time::Duration;

use warren_raft::{Epoch, ProxyId, Route, Sequence};

/// Where a tunnel of an agent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The owner proxy.
    pub(super) proxy: ProxyId,
    /// Which of the agent's tunnels to it, where the table says so.
    pub(super) tunnel: Option<(Epoch, Sequence)>,
}

impl Place {
    /// A proxy that says that it has a tunnel, whatever the table says.
    pub(super) fn at(proxy: ProxyId) -> Self {
        Self { proxy, tunnel: None }
    }

    /// Whether both mean the same tunnel, as far as is known.
    pub(super) fn is_same(self, other: Self) -> bool {
        self.proxy == other.proxy && (self.tunnel == other.tunnel || self.tunnel.is_none() || other.tunnel.is_none())
    }
}

impl From<&Route> for Place {
    fn from(route: &Route) -> Self {
        Self { proxy: route.proxy, tunnel: Some((route.epoch, route.sequence)) }
    }
}

/// How good a way is: the least is the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fitness {
    /// Nothing speaks against it; so far away, nothing for this proxy itself.
    Sound(Duration),
    /// Its proxy gives its tunnels away.
    Draining(Duration),
    /// It gave no answer a moment ago, or its proxy is silent or not connected.
    Doubtful(Duration),
}

impl Fitness {
    /// The same whatever the distance.
    pub(super) fn class(self) -> u8 {
        match self {
            Self::Sound(_) => 0,
            Self::Draining(_) => 1,
            Self::Doubtful(_) => 2,
        }
    }
}

/// The places of `routes` in the order to try them. Among equals the newer route goes first.
pub(super) fn order<'a>(routes: impl Iterator<Item = &'a Route>, fitness: impl Fn(Place) -> Fitness) -> Vec<(Fitness, Place)> {
    let mut keyed: Vec<_> = routes.map(|route| (fitness(route.into()), u64::MAX - route.since.0, Place::from(route))).collect();
    keyed.sort();
    keyed.into_iter().map(|(fitness, _, place)| (fitness, place)).collect()
}

#[cfg(test)]
mod tests {
    use warren_raft::Timestamp;

    use super::*;

    #[test]
    fn near_and_sound_owners_go_first_then_draining_then_doubtful_ones() {
        let route = |proxy, since| Route { proxy: ProxyId(proxy), epoch: Epoch(1), sequence: Sequence(1), since: Timestamp(since) };
        let ms = Duration::from_millis;
        let fitness = |place: Place| match place.proxy.0 {
            1 => Fitness::Sound(Duration::ZERO),
            2 => Fitness::Sound(ms(20)),
            3 | 4 => Fitness::Sound(ms(5)),
            5 => Fitness::Draining(Duration::ZERO),
            6 => Fitness::Doubtful(Duration::ZERO),
            _ => Fitness::Doubtful(Duration::MAX),
        };
        let routes = [route(7, 90), route(6, 80), route(5, 70), route(2, 0), route(3, 10), route(4, 20), route(1, 0)];
        let ordered: Vec<u64> = order(routes.iter(), fitness).into_iter().map(|(_, place)| place.proxy.0).collect();
        assert_eq!(ordered, [1, 4, 3, 2, 5, 6, 7]);
        assert_eq!(order([].iter(), fitness), []);
    }

    #[test]
    fn a_tunnel_of_which_only_the_proxy_is_known_may_be_any_there() {
        let place = |proxy, sequence| Place { proxy: ProxyId(proxy), tunnel: Some((Epoch(1), Sequence(sequence))) };
        assert!(place(1, 1).is_same(Place::at(ProxyId(1))) && Place::at(ProxyId(1)).is_same(place(1, 2)));
        assert!(!place(1, 1).is_same(place(1, 2)) && !place(1, 1).is_same(place(2, 1)));
    }
}
