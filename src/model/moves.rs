//! Only those tunnels move that must: of N proxies, one that comes or goes moves about one part in N.

use warren_raft::ProxyId;

use super::converges::{AGENTS, MESH, NO_ZONES, SKEW, SOON, THREE_ZONES, peering, settled};
use super::world::{Late, World};

/// The rounds within which tunnels are level again, slowly: ten minutes.
const LEVEL: u64 = 6_000;
/// How far the level is left alone, beside the mean.
const LEVELLED: f64 = 1.1;

/// Lets time pass until the tunnels are level and everything has settled.
fn level(world: &mut World) {
    world.levels = true;
    let begun = world.round;
    while world.skew() > LEVELLED || least(world) < 2.0 - LEVELLED || !world.is_settled() {
        assert!(world.round - begun < LEVEL, "not level within {LEVEL} rounds: {:?}", world.loads());
        world.pass();
    }
}

/// The fewest tunnels of a proxy beside the mean.
fn least(world: &World) -> f64 {
    let loads = world.loads();
    let least = loads.iter().min().copied().unwrap_or_default() as f64;
    least * loads.len() as f64 / loads.iter().sum::<u64>().max(1) as f64
}

/// How many tunnels were opened meanwhile.
fn opened(world: &mut World, work: impl FnOnce(&mut World)) -> usize {
    let before = world.opened;
    work(world);
    world.opened - before
}

#[test]
fn a_proxy_that_is_added_gets_its_share_and_no_more_move() {
    for (count, zones, late) in
        [(1, &NO_ZONES[..3], Late::NOT), (2, &NO_ZONES[..], Late::HALF_A_MINUTE), (1, &NO_ZONES[..], Late::HALF_A_MINUTE)]
    {
        let mut world = settled(zones, peering(count), (late, 6));
        let tunnels = AGENTS * usize::try_from(count).expect("small");
        let share = tunnels / (zones.len() + 1);
        let moved = opened(&mut world, |world| {
            world.add_proxy("");
            world.settle(SOON);
            level(world);
        });
        // Not its whole share: a tenth of the mean is left as it is.
        assert!(
            (share * 8 / 10..=share * 13 / 10).contains(&moved),
            "{moved} of {tunnels} moved, its share is {share}: {:?}",
            world.loads()
        );
    }
}

#[test]
fn a_proxy_that_is_drained_gives_away_what_it_has_and_no_more_move() {
    for (count, zones) in [(1, &NO_ZONES[..]), (2, &NO_ZONES[..3]), (2, &THREE_ZONES[..]), (3, &NO_ZONES[..])] {
        let mut world = settled(zones, peering(count), (Late::HALF_A_MINUTE, 7));
        let had = world.loads()[0];
        let moved = opened(&mut world, |world| {
            world.drain(ProxyId(1));
            world.settle(SOON);
        }) as u64;
        assert_eq!(world.proxies[&ProxyId(1)].routes.len(), 0, "{count} {zones:?}");
        assert!((had..=had + had / 10 + 2).contains(&moved), "{count} {zones:?}: {moved} were opened for {had}");
        assert!(world.skew() <= SKEW, "{count} {zones:?}: {:?}", world.loads());
    }
}

#[test]
fn what_a_drain_has_not_moved_stays_when_it_is_taken_back() {
    let mut world = settled(&NO_ZONES[..3], peering(1), (Late::NOT, 8));
    let had = world.loads()[0];
    let moved = opened(&mut world, |world| {
        world.drain(ProxyId(1));
        (0..50).for_each(|_| world.pass());
        world.resume(ProxyId(1));
        world.settle(SOON);
    }) as u64;
    assert!(moved > 0 && moved < had, "{moved} of {had}");
}

#[test]
fn a_rolling_restart_of_all_leaves_them_level() {
    for (count, zones) in [(1, &NO_ZONES[..3]), (2, &NO_ZONES[..3]), (1, &NO_ZONES[..]), (2, &THREE_ZONES[..])] {
        let mut world = settled(zones, peering(count), (Late::HALF_A_MINUTE, 9));
        world.levels = true;
        let tunnels = AGENTS * usize::try_from(count).expect("small");
        let moved = opened(&mut world, |world| {
            for id in 1..=zones.len() as u64 {
                world.restart(ProxyId(id));
                world.settle(SOON);
            }
            level(world);
        });
        assert!(world.skew() <= SKEW, "{count} {zones:?}: {:?}", world.loads());
        // Each restart moves what its proxy has: first its share, in the end up to as much as the two that hold its share too; and levels once.
        let most = tunnels * 3;
        assert!(moved <= most, "{count} {zones:?}: {moved} of {tunnels} moved, at most {most}");
    }
}

#[test]
fn levelling_leaves_alone_what_is_level() {
    for strategy in [peering(1), peering(2), peering(3), MESH] {
        let mut world = settled(&NO_ZONES, strategy, (Late::HALF_A_MINUTE, 10));
        level(&mut world);
        let moved = opened(&mut world, |world| (0..SOON).for_each(|_| world.pass()));
        assert_eq!(moved, 0, "{strategy:?}: {:?}", world.loads());
    }
}
