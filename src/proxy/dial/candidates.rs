//! In which order the tunnels of an agent, or of several that publish the same, are tried: by what speaks against them, by zone, by round trip, and where that is
//! about the same by load. Pure.

use std::cmp::Reverse;
use std::time::Duration;

use rand::Rng;
use warren_raft::{Epoch, ProxyId, Route, Sequence, Timestamp};

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

/// Whose network a proxy is in, as seen from this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Locality {
    /// It is this proxy: a whole hop less.
    Own,
    /// The same zone.
    Zone,
    /// Another zone.
    Beyond,
}

/// How far away the proxy of a tunnel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Distance {
    /// Whose network it is in.
    pub(super) locality: Locality,
    /// The round trip to it, and at this proxy that to the agent; the longest there is where it is not known.
    pub(super) round_trip: Duration,
}

impl Distance {
    /// Whether `farther` is about as far away: what differs by so little says less than how much there is to do.
    fn is_about(self, farther: Self) -> bool {
        let least = if self.locality == Locality::Own { ABOUT_TO_AGENTS } else { ABOUT };
        let margin = (self.round_trip / 4).max(least);
        self.locality == farther.locality && farther.round_trip <= self.round_trip.saturating_add(margin)
    }
}

/// By how much two round trips may differ and count as the same, at least: what a busy machine adds.
const ABOUT: Duration = Duration::from_millis(2);
/// The same between agents: a tunnel that carries little is measured rarely.
const ABOUT_TO_AGENTS: Duration = Duration::from_millis(40);

/// How good a way is: the least is the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fitness {
    /// Nothing speaks against it.
    Sound(Distance),
    /// Its proxy gives its tunnels away.
    Draining(Distance),
    /// It gave no answer a moment ago, or its proxy is silent or not connected.
    Doubtful(Distance),
}

impl Fitness {
    /// Whether a way that is this good and one that is not better are about equally good, so that load decides.
    fn is_about(self, other: Self) -> bool {
        match (self, other) {
            (Self::Sound(near), Self::Sound(far)) | (Self::Draining(near), Self::Draining(far)) => near.is_about(far),
            (Self::Sound(_) | Self::Draining(_) | Self::Doubtful(_), _) => false,
        }
    }
}

/// Something that can be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate<T> {
    /// How good it is.
    pub(super) fitness: Fitness,
    /// Since when its route stands.
    pub(super) since: Timestamp,
    /// What it is.
    pub(super) way: T,
}

/// The candidates in the order to try them: by fitness, and among those about equally good the less loaded of two that are drawn goes first, as often as
/// there are two. Whoever took the least loaded of all would send there whatever comes before the load is seen to have changed.
pub(super) fn order<T: Copy + Ord, L: Ord>(mut candidates: Vec<Candidate<T>>, load: impl Fn(T) -> L, rng: &mut impl Rng) -> Vec<T> {
    // Among equals the newer route goes first.
    candidates.sort_by_key(|candidate| (candidate.fitness, Reverse(candidate.since), candidate.way));
    let mut ways: Vec<_> = candidates.into_iter().map(|candidate| (candidate.fitness, candidate.way)).collect();
    let mut rest = &mut ways[..];
    while let Some((first, _)) = rest.first().copied() {
        let count = rest.iter().take_while(|(fitness, _)| first.is_about(*fitness)).count().max(1);
        let (equals, further) = rest.split_at_mut(count);
        spread(equals, &load, rng);
        rest = further;
    }
    ways.into_iter().map(|(_, way)| way).collect()
}

/// Puts the less loaded of two that are drawn first, then of the others, and so on.
fn spread<T: Copy, L: Ord>(equals: &mut [(Fitness, T)], load: impl Fn(T) -> L, rng: &mut impl Rng) {
    for done in 0..equals.len().saturating_sub(1) {
        let rest = &mut equals[done..];
        let (first, second) = (rng.random_range(0..rest.len()), rng.random_range(0..rest.len() - 1));
        // Two different ones, each pair as likely as any other.
        let second = if second >= first { second + 1 } else { second };
        let better = if load(rest[second].1) < load(rest[first].1) { second } else { first };
        rest.swap(0, better);
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn route(proxy: u64, since: u64) -> Route {
        Route { proxy: ProxyId(proxy), epoch: Epoch(1), sequence: Sequence(1), since: Timestamp(since) }
    }

    fn away(locality: Locality, ms: u64) -> Distance {
        Distance { locality, round_trip: Duration::from_millis(ms) }
    }

    fn ordered(routes: &[Route], fitness: impl Fn(Place) -> Fitness, load: impl Fn(Place) -> usize, seed: u64) -> Vec<u64> {
        let candidate = |route: &Route| Candidate { fitness: fitness(route.into()), since: route.since, way: Place::from(route) };
        let ordered = order(routes.iter().map(candidate).collect(), load, &mut StdRng::seed_from_u64(seed));
        ordered.into_iter().map(|place| place.proxy.0).collect()
    }

    #[test]
    fn own_near_and_sound_owners_go_first_then_draining_then_doubtful_ones() {
        use Locality::{Beyond, Own, Zone};
        let fitness = |place: Place| match place.proxy.0 {
            1 => Fitness::Sound(away(Own, 0)),
            2 => Fitness::Sound(away(Zone, 20)),
            3 => Fitness::Sound(away(Zone, 5)),
            4 => Fitness::Sound(away(Beyond, 1)),
            5 => Fitness::Draining(away(Own, 0)),
            6 => Fitness::Doubtful(away(Own, 0)),
            _ => Fitness::Doubtful(Distance { locality: Zone, round_trip: Duration::MAX }),
        };
        let routes = [route(7, 90), route(6, 80), route(5, 70), route(2, 0), route(3, 10), route(4, 20), route(1, 0)];
        for seed in 0..20 {
            // No load moves what is not about as good.
            assert_eq!(ordered(&routes, fitness, |place| 10 - usize::try_from(place.proxy.0).unwrap_or(0), seed), [1, 3, 2, 4, 5, 6, 7]);
        }
        assert_eq!(ordered(&[], fitness, |_| 0, 1), [0; 0]);
    }

    #[test]
    fn what_is_about_as_far_away_is_about_as_good() {
        use Locality::{Beyond, Own, Zone};
        let table = [
            (away(Zone, 0), away(Zone, 2), true),
            (away(Zone, 0), away(Zone, 3), false),
            (away(Zone, 40), away(Zone, 50), true),
            (away(Zone, 40), away(Zone, 51), false),
            (away(Zone, 1), away(Beyond, 1), false),
            // Another proxy is a hop more, however near.
            (away(Own, 0), away(Zone, 0), false),
            (away(Own, 1), away(Own, 41), true),
            (away(Own, 1), away(Own, 42), false),
            (away(Own, 200), away(Own, 250), true),
        ];
        for (near, far, expected) in table {
            assert_eq!(Fitness::Sound(near).is_about(Fitness::Sound(far)), expected, "{near:?} {far:?}");
            assert!(!Fitness::Sound(near).is_about(Fitness::Draining(far)) && !Fitness::Doubtful(near).is_about(Fitness::Doubtful(far)));
        }
    }

    #[test]
    fn of_equals_the_less_loaded_one_gets_more_and_no_herd_runs_to_the_least_loaded() {
        let equal = |_: Place| Fitness::Sound(away(Locality::Zone, 1));
        let routes = [route(1, 0), route(2, 0), route(3, 0)];
        let mut first = [0_u32; 4];
        for seed in 0..3000 {
            let mut all = ordered(&routes, equal, |place| if place.proxy.0 == 3 { 100 } else { 0 }, seed);
            first[usize::try_from(all[0]).unwrap_or(0)] += 1;
            all.sort_unstable();
            assert_eq!(all, [1, 2, 3], "each is in it once");
        }
        // The loaded one never wins against another; the two others share.
        assert_eq!(first[3], 0);
        assert!(first[1].abs_diff(first[2]) < 300, "{first:?}");
        // With two of which one is ahead by one stream, the streams of many dials end up even.
        let mut loads = [0_usize; 3];
        for seed in 0..999 {
            let now = loads;
            let all = ordered(&routes, equal, move |place| now[usize::try_from(place.proxy.0 - 1).unwrap_or(0)], seed);
            loads[usize::try_from(all[0] - 1).unwrap_or(0)] += 1;
        }
        assert!(loads.iter().all(|load| load.abs_diff(333) < 10), "{loads:?}");
    }

    /// Dials that come together see the same loads: then the least loaded must not get all of them.
    #[test]
    fn loads_that_are_late_make_no_herd() {
        let equal = |_: Place| Fitness::Sound(away(Locality::Zone, 1));
        let routes: Vec<_> = (1..=8).map(|proxy| route(proxy, 0)).collect();
        let mut first = [0_u32; 9];
        for seed in 0..2000 {
            let all = ordered(&routes, equal, |place| usize::try_from(place.proxy.0).unwrap_or(0), seed);
            first[usize::try_from(all[0]).unwrap_or(0)] += 1;
        }
        // Of eight the best is in a quarter of the pairs.
        assert!(first[1] > 400 && first[1] < 600, "{first:?}");
    }

    /// Agents that publish the same: the near ones first, and among those the one that has least to do, whichever of its tunnels that is.
    #[test]
    fn of_several_agents_the_nearest_and_least_loaded_goes_first() {
        use Locality::{Own, Zone};
        // Agent and proxy; how far away; how many streams the agent has.
        let agents = [((1, 1), away(Own, 3), 9_usize), ((2, 1), away(Own, 1), 0), ((3, 1), away(Own, 60), 0), ((4, 2), away(Zone, 1), 0)];
        for seed in 0..50 {
            let candidates = agents.map(|(way, distance, _)| Candidate { fitness: Fitness::Sound(distance), since: Timestamp(1), way });
            let load = |way: (u8, u8)| agents.iter().find(|(known, ..)| *known == way).map(|(_, _, load)| *load);
            assert_eq!(order(candidates.to_vec(), load, &mut StdRng::seed_from_u64(seed)), [(2, 1), (1, 1), (3, 1), (4, 2)]);
        }
    }

    #[test]
    fn a_tunnel_of_which_only_the_proxy_is_known_may_be_any_there() {
        let place = |proxy, sequence| Place { proxy: ProxyId(proxy), tunnel: Some((Epoch(1), Sequence(sequence))) };
        assert!(place(1, 1).is_same(Place::at(ProxyId(1))) && Place::at(ProxyId(1)).is_same(place(1, 2)));
        assert!(!place(1, 1).is_same(place(1, 2)) && !place(1, 1).is_same(place(2, 1)));
    }
}
