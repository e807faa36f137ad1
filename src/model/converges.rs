//! Whatever happens, the agents get what they want, and no proxy has far more tunnels than the others.

use warren_raft::{ProxyId, Strategy, StrategyKind};

use super::world::{Late, World};

/// No proxy has more than so many times the mean (design, section 9).
pub(super) const SKEW: f64 = 1.3;
/// The rounds within which everything settles: a minute.
pub(super) const SOON: u64 = 600;
/// So many agents that chance alone does not skew them.
pub(super) const AGENTS: usize = 400;

/// To so many proxies each.
pub(super) fn peering(agent_connection_count: u32) -> Strategy {
    Strategy { kind: StrategyKind::ProxyPeering, agent_connection_count }
}

/// To all proxies.
pub(super) const MESH: Strategy = Strategy { kind: StrategyKind::AgentMesh, agent_connection_count: 1 };

/// The zones of a cluster without zones.
pub(super) const NO_ZONES: [&str; 5] = [""; 5];
/// The zones of a cluster in three of them.
pub(super) const THREE_ZONES: [&str; 6] = ["a", "b", "c", "a", "b", "c"];

/// A world in which all agents have arrived at once and settled.
pub(super) fn settled(zones: &[&str], strategy: Strategy, (late, seed): (Late, u64)) -> World {
    let mut world = World::new(zones, strategy, (late, seed));
    world.add_agents(AGENTS);
    world.settle(SOON);
    world
}

/// Each with a strategy, zones, and how late the figures are.
pub(super) fn scenes() -> impl Iterator<Item = (Strategy, &'static [&'static str], Late)> {
    let strategies = [peering(1), peering(2), peering(3)];
    let zones: [&[&str]; 3] = [&NO_ZONES, &THREE_ZONES, &NO_ZONES[..3]];
    let late = [Late::NOT, Late::HALF_A_MINUTE];
    strategies.into_iter().flat_map(move |strategy| zones.into_iter().flat_map(move |zones| late.map(|late| (strategy, zones, late))))
}

#[test]
fn all_that_arrive_at_once_are_spread() {
    for (strategy, zones, late) in scenes() {
        let world = settled(zones, strategy, (late, 1));
        assert!(world.skew() <= SKEW, "{strategy:?} {zones:?} {late:?}: {:?}", world.loads());
        // One more than are wanted is opened at most for a few, whose first dial was slow.
        let wanted = AGENTS * usize::try_from(strategy.agent_connection_count).expect("small").min(zones.len());
        assert!(world.opened <= wanted + wanted / 10, "{} opened for {wanted}", world.opened);
        if zones == THREE_ZONES {
            check_zones(&world);
        }
    }
}

#[test]
fn in_a_mesh_everybody_is_everywhere() {
    let mut world = settled(&NO_ZONES, MESH, (Late::NOT, 1));
    assert!(world.loads().iter().all(|load| *load == AGENTS as u64), "{:?}", world.loads());
    world.add_proxy("");
    world.settle(SOON);
    assert_eq!(world.loads(), [AGENTS as u64; 6]);
    world.kill(ProxyId(2));
    world.settle(SOON);
    assert_eq!(world.loads(), [AGENTS as u64; 5]);
}

#[test]
fn the_tunnels_of_dead_proxies_are_spread_over_the_others() {
    for (strategy, zones, late) in scenes() {
        let mut world = settled(zones, strategy, (late, 2));
        let before = world.loads()[0];
        let opened = world.opened;
        world.kill(ProxyId(1));
        world.settle(SOON);
        assert!(world.skew() <= SKEW, "{strategy:?} {zones:?} {late:?}: {:?}", world.loads());
        let opened = (world.opened - opened) as u64;
        assert!(opened <= before + before / 10 + 5, "{opened} were opened for {before} that were lost");
    }
}

#[test]
fn a_strategy_that_changes_both_ways_leaves_them_spread() {
    for (zones, late) in [(&NO_ZONES[..], Late::NOT), (&NO_ZONES[..3], Late::HALF_A_MINUTE), (&THREE_ZONES[..], Late::HALF_A_MINUTE)] {
        let mut world = settled(zones, peering(1), (late, 3));
        for strategy in [MESH, peering(2), MESH, peering(1), peering(3), peering(1)] {
            world.set_strategy(strategy);
            world.settle(SOON);
            assert!(world.skew() <= SKEW, "{strategy:?} {zones:?} {late:?}: {:?}", world.loads());
        }
    }
}

#[test]
fn a_difference_that_everybody_was_told_of_leads_nobody_astray() {
    // Two proxies have just come, and hold a few tunnels of which all agents were told when their only other proxy dies.
    for few in [0, 1, 40] {
        let mut world = settled(&[""], peering(1), (Late::HALF_A_MINUTE, 4));
        world.add_proxy("");
        world.add_agents(few);
        world.settle(SOON);
        world.add_proxy("");
        world.settle(SOON);
        world.kill(ProxyId(1));
        world.settle(SOON);
        assert!(world.skew() <= SKEW, "{few}: {:?}", world.loads());
    }
}

#[test]
fn the_age_of_tunnels_leads_nobody_astray() {
    // After a restart of all others, the oldest tunnel of every agent leads to the same proxy.
    let mut world = settled(&NO_ZONES[..3], MESH, (Late::NOT, 5));
    for id in [2, 3] {
        world.kill(ProxyId(id));
        world.settle(SOON);
        world.revive(ProxyId(id));
        world.settle(SOON);
    }
    world.set_strategy(peering(1));
    world.settle(SOON);
    assert!(world.skew() <= SKEW, "{:?}", world.loads());
}

/// The tunnels of an agent are in as many zones as there can be, but for a few that were refused where they wanted to be: they stay where they found a place.
pub(super) fn check_zones(world: &World) {
    let are_apart = |agent: &usize| {
        let places = world.places_of(*agent);
        let mut zones: Vec<_> = places.iter().map(|place| world.proxies[place].zone.as_str()).collect();
        zones.sort_unstable();
        zones.dedup();
        zones.len() == places.len().min(3)
    };
    let apart = (0..world.agents()).filter(are_apart).count();
    assert!(apart * 20 >= world.agents() * 19, "{apart} of {} have their tunnels in different zones", world.agents());
}
