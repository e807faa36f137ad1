//! From whatever state, in whatever order things happen: it converges, nothing is given up too early (which the world checks at each step), and the tunnels become level.

use proptest::prelude::*;
use warren_raft::ProxyId;

use super::converges::{MESH, SOON, peering};
use super::world::{Late, World};
use crate::wire::MemberState;

/// The most proxies.
const PROXIES: u64 = 5;

/// Something that happens.
#[derive(Clone, Debug)]
enum Event {
    Arrive(usize),
    Add,
    Kill(u64),
    Revive(u64),
    Drain(u64),
    Resume(u64),
    /// 0 is a mesh.
    Strategy(u32),
    Pass(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let proxy = || 1..=PROXIES;
    prop_oneof![
        2 => (1_usize..30).prop_map(Event::Arrive),
        1 => Just(Event::Add),
        1 => proxy().prop_map(Event::Kill),
        2 => proxy().prop_map(Event::Revive),
        1 => proxy().prop_map(Event::Drain),
        2 => proxy().prop_map(Event::Resume),
        1 => (0_u32..4).prop_map(Event::Strategy),
        4 => (1_u64..200).prop_map(Event::Pass),
    ]
}

/// Lets it happen, where it can.
fn happen(world: &mut World, event: &Event) {
    let count = world.proxies.len() as u64;
    let state = |world: &World, id: u64| world.proxies.get(&ProxyId(id)).map(|proxy| (proxy.state, proxy.lives));
    let up = world.proxies.values().filter(|proxy| proxy.state == MemberState::Up && proxy.lives).count();
    match *event {
        Event::Arrive(agents) => world.add_agents(agents),
        Event::Add if count < PROXIES => world.add_proxy(""),
        Event::Kill(id) if up > 1 && state(world, id).is_some_and(|(_, lives)| lives) => world.kill(ProxyId(id)),
        Event::Revive(id) if state(world, id) == Some((MemberState::Down, false)) => world.revive(ProxyId(id)),
        Event::Drain(id) if up > 1 && state(world, id) == Some((MemberState::Up, true)) => world.drain(ProxyId(id)),
        Event::Resume(id) if state(world, id) == Some((MemberState::Draining, true)) => world.resume(ProxyId(id)),
        Event::Strategy(0) => world.set_strategy(MESH),
        Event::Strategy(agent_connection_count) => world.set_strategy(peering(agent_connection_count)),
        Event::Pass(rounds) => (0..rounds).for_each(|_| world.pass()),
        Event::Add | Event::Kill(_) | Event::Revive(_) | Event::Drain(_) | Event::Resume(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_it_converges(events in proptest::collection::vec(event(), 1..16), late in 1_u64..300, seed: u64) {
        let mut world = World::new(&["", "", ""], peering(1), (Late { rounds: late }, seed));
        world.levels = true;
        world.add_agents(40);
        events.iter().for_each(|event| happen(&mut world, event));
        world.settle(SOON);
        let resumed: Vec<_> = world.proxies.iter().filter(|(_, proxy)| proxy.state == MemberState::Draining).map(|(id, _)| *id).collect();
        resumed.into_iter().for_each(|id| world.resume(id));
        let limit = world.round + 4 * SOON;
        while !(is_level(&world) && world.is_settled()) && world.round < limit {
            world.pass();
        }
        world.settle(SOON);
        prop_assert!(is_level(&world), "{:?}", world.loads());
    }
}

/// No proxy has more than 1.3 times the mean, and one more where that is a fraction.
fn is_level(world: &World) -> bool {
    let loads = world.loads();
    let mean = loads.iter().sum::<u64>() as f64 / loads.len().max(1) as f64;
    loads.iter().all(|load| (*load as f64) <= (mean * super::converges::SKEW).ceil() + 1.0)
}
