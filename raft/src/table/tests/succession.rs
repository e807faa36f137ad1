//! What is left of a table when its group of proxies is replaced.

use super::*;

/// A cluster with three proxies, a route at each, and one of everything else.
fn three() -> World {
    let mut world = World::new();
    let any = |id, role| NewToken { name: "*".parse().expect("a glob"), ..token(id, role) };
    world.accept(Command::CreateToken(any(2, TokenRole::Client)));
    world.accept(Command::Enroll(enrollment(2, TokenRole::Client, "laptop", 20)));
    for id in 2..=3 {
        let number = 10 + u8::try_from(id).expect("small");
        world.accept(Command::CreateToken(any(number, TokenRole::Proxy)));
        world.accept(Command::Enroll(enrollment(number, TokenRole::Proxy, &format!("proxy-{id}"), number)));
        world.accept(Command::StartProxy(start(id)));
    }
    for (proxy, epoch) in [(1, 1), (2, 2), (3, 3)] {
        let route =
            Command::RegisterRoute { agent: agent("lab-pi"), proxy: ProxyId(proxy), epoch: Epoch(epoch), sequence: Sequence(proxy) };
        world.accept(route);
    }
    world
}

/// The parts that a succession must not touch.
fn lasting(table: &Table) -> Table {
    let mut lasting = table.clone();
    lasting.withdraw_all_routes();
    Table { proxies: Default::default(), proposers: Default::default(), next_proxy: 0, ..lasting }
}

#[test]
fn a_survivor_is_alone_and_keeps_the_rest() {
    let before = three().table;
    let mut after = before.clone();
    after.succeed_with_survivor(ProxyId(2), Timestamp(7));
    assert_eq!(lasting(&after), lasting(&before));
    assert_eq!(after.proxies().map(|(id, _)| id.0).collect::<Vec<_>>(), [2]);
    let survivor = after.proxy(ProxyId(2)).expect("the survivor");
    assert_eq!((survivor.epoch, survivor.changed_at, &survivor.name), (None, Timestamp(7), &"proxy-2".parse().expect("a name")));
    assert_eq!(after.routes().count(), 0);
    assert_eq!(after.routes_of(&agent("lab-pi")).count(), 0);
    for (id, removed) in [(1, true), (2, false), (3, true), (4, true), (1_000, true), (1_001, false)] {
        assert_eq!(after.has_removed(ProxyId(id)), removed, "{id}");
    }
}

#[test]
fn a_survivors_proposals_are_applied_once_all_the_same() {
    let mut world = three();
    let last = Proposal {
        proposer: ProxyId(1),
        incarnation: Incarnation(1),
        number: world.number,
        at: NOW,
        commands: vec![Command::CreateToken(token(2, TokenRole::Proxy))],
    };
    world.table.succeed_with_survivor(ProxyId(1), NOW);
    let before = world.table.clone();
    world.table.apply(&last);
    assert_eq!(world.table, before);
}

#[test]
fn a_new_proxy_takes_the_place_of_all() {
    let before = three().table;
    let mut after = before.clone();
    let id = after.next_succession();
    assert_eq!(after.succeed_with_new_proxy("proxy-1".parse().expect("a name"), hash(40), Timestamp(8)), id);
    assert_eq!(id, ProxyId(1_001));
    assert_eq!(lasting(&after), lasting(&before));
    assert_eq!(after.proxies().map(|(id, proxy)| (id.0, proxy.key, proxy.epoch)).collect::<Vec<_>>(), [(1_001, hash(40), None)]);
    assert!(after.has_removed(ProxyId(1)) && after.has_removed(ProxyId(999)) && !after.has_removed(id));
    assert_eq!(after.next_succession(), ProxyId(2_001));
}

#[test]
fn before_there_is_a_cluster_nobody_was_removed() {
    assert!(!Table::default().has_removed(ProxyId(0)));
}
