//! What must hold at any size, at a small one.

use std::time::Duration;

use warren_raft::{ProxyId, Strategy, StrategyKind};

use super::{Costs, ScaleWorld, Setup, Tally};

const AGENTS: u32 = 600;
const SOON: Duration = Duration::from_secs(120);
const LEVEL: Duration = Duration::from_secs(900);

fn setup(proxies: u64, count: u32, seed: u64) -> Setup {
    let strategy = Strategy { kind: StrategyKind::ProxyPeering, agent_connection_count: count };
    Setup { proxies, agents: AGENTS, strategy, zones: 1, seed, costs: Costs::default() }
}

/// All have come and have what they want.
fn arrived(setup: Setup) -> ScaleWorld {
    let mut world = ScaleWorld::new(setup);
    world.begin();
    world.arrive();
    assert!(world.settle(SOON).is_some(), "{:?}", world.loads());
    assert_eq!(world.lacking(), 0);
    world
}

/// Lets time pass until no proxy holds more than the design allows.
fn level(world: &mut ScaleWorld) {
    let mut passed = Duration::ZERO;
    while world.skew() > 1.3 {
        assert!(passed < LEVEL, "{:?}", world.loads());
        world.pass(Duration::from_secs(5));
        passed += Duration::from_secs(5);
    }
    assert!(world.settle(SOON).is_some());
    assert_eq!(world.lacking(), 0);
}

#[test]
fn whoever_loses_a_proxy_is_registered_again_and_the_others_do_not_move() {
    for (proxies, count) in [(3, 1), (5, 2), (9, 3)] {
        let mut world = arrived(setup(proxies, count, 1));
        let held = world.loads()[1];
        world.begin();
        world.kill(ProxyId(2));
        assert!(world.settle(SOON).is_some(), "{:?}", world.loads());
        assert_eq!(world.lacking(), 0);
        let registered = world.tally().total().registered;
        assert!((held..=held + held / 5 + 5).contains(&registered), "{registered} were registered for {held} that were lost");
        world.revive(ProxyId(2));
        level(&mut world);
    }
}

#[test]
fn a_drain_moves_what_is_there_and_nobody_is_without_a_tunnel() {
    let mut world = arrived(setup(5, 2, 2));
    let held = world.loads()[2];
    world.begin();
    world.drain(ProxyId(3));
    assert!(world.empty(ProxyId(3), SOON), "{:?}", world.proxies[&ProxyId(3)].tunnels.len());
    let Tally { asked, .. } = world.tally().clone();
    assert!(asked >= held && asked <= held + held / 10, "{asked} were asked for {held}");
    assert_eq!(world.tally().returned(), 0, "make before break");
    world.resume(ProxyId(3));
    world.pass(Duration::from_secs(1));
    level(&mut world);
}

#[test]
fn after_a_rolling_restart_they_are_level() {
    let mut world = arrived(setup(5, 2, 3));
    world.begin();
    assert!(world.restart_all(SOON), "{:?}", world.loads());
    assert_eq!((world.tally().returned(), world.lacking()), (0, 0));
    level(&mut world);
    let moved = world.tally().total().registered as f64 / f64::from(AGENTS * 2);
    assert!(moved < 2.0, "each proxy gives away what it has once, and levelling a part: {moved}");
}

#[test]
fn everybody_comes_back_after_the_power_failed() {
    let mut world = arrived(setup(5, 2, 4));
    world.begin();
    world.lose_all();
    assert!(world.settle(SOON).is_some(), "{:?}", world.loads());
    assert_eq!((world.lacking(), world.tally().returned()), (0, AGENTS as usize));
}

#[test]
fn in_a_mesh_everybody_is_everywhere() {
    let strategy = Strategy { kind: StrategyKind::AgentMesh, agent_connection_count: 1 };
    let world = arrived(Setup { strategy, agents: 100, ..setup(9, 1, 5) });
    assert_eq!(world.loads(), [100; 9]);
}

/// One entry carries what waits, so a registration takes its own bytes and a small part of an entry, however many agents come.
#[test]
fn a_registration_costs_the_same_however_many_come() {
    let per_registration = |agents| {
        let mut world = arrived(Setup { agents, ..setup(5, 2, 6) });
        world.begin();
        world.lose_all();
        assert!(world.settle(SOON).is_some());
        let total = world.tally().total();
        total.bytes as f64 / total.registered as f64
    };
    let (few, many) = (per_registration(300), per_registration(1_200));
    assert!(many <= few && few < many * 1.6, "{few} and {many} bytes for each");
}

#[test]
fn the_same_seed_makes_the_same_day() {
    let day = |seed| {
        let mut world = arrived(setup(5, 2, seed));
        world.kill(ProxyId(1));
        let settled = world.settle(SOON);
        (world.tally().clone(), world.loads(), settled)
    };
    assert_eq!(day(7), day(7));
    assert_ne!(day(7), day(8));
}
