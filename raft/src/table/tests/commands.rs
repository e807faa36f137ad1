//! Every command but the enrolments.

use super::*;
use crate::command::{Accepted, Rejection};

#[test]
fn nothing_before_bootstrap_and_bootstrap_once() {
    let mut world = World::default();
    assert_eq!(world.apply(Command::StartProxy(start(1))), Err(Rejection::NoCluster));
    assert_eq!(world.apply(Command::Bootstrap(Box::new(bootstrap()))), Ok(Accepted::Done));
    let cluster = world.table.cluster().expect("a cluster");
    assert_eq!((cluster.id, cluster.name.as_str()), (ClusterId([7; 16]), "warren"));
    let proxy = world.table.proxy(ProxyId(1)).expect("a first proxy");
    assert_eq!((proxy.name.as_str(), proxy.key, proxy.state()), ("proxy-1", hash(1), ProxyState::Down));
    assert_eq!(world.apply(Command::Bootstrap(Box::new(bootstrap()))), Err(Rejection::ClusterExists));
}

#[test]
fn every_start_is_a_new_epoch() {
    let mut world = World::new();
    assert_eq!(world.table.epoch(ProxyId(1)), Some(Epoch(1)));
    assert_eq!(world.apply(Command::StartProxy(start(1))), Ok(Accepted::Epoch(Epoch(2))));
    let proxy = world.table.proxy(ProxyId(1)).expect("a proxy");
    assert_eq!((proxy.peer_address.as_str(), proxy.zone.as_str(), proxy.state()), ("host-1:3021", "a", ProxyState::Up));
    assert_eq!(world.apply(Command::StartProxy(start(9))), Err(Rejection::ProxyUnknown(ProxyId(9))));
}

#[test]
fn only_the_epoch_that_is_named_ends() {
    let mut world = World::new();
    let expire = |proxy: u64, epoch: u64| Command::ExpireProxy { proxy: ProxyId(proxy), epoch: Epoch(epoch) };
    world.accept(register(1, 1));
    assert_eq!(world.apply(expire(1, 9)), Ok(Accepted::Done));
    assert_eq!(world.table.routes().count(), 1);
    assert_eq!(world.apply(expire(1, 1)), Ok(Accepted::Done));
    assert_eq!((world.table.epoch(ProxyId(1)), world.table.routes().count()), (None, 0));
    assert_eq!(world.apply(expire(9, 1)), Err(Rejection::ProxyUnknown(ProxyId(9))));
}

#[test]
fn routes_are_ordered_by_sequence() {
    let old = |current: u64| Err(Rejection::SequenceOld { current: Sequence(current) });
    let over = |current: u64| Err(Rejection::EpochOver { current: Epoch(current) });
    let done = Ok(Accepted::Done);
    // What is tried in turn, the answer, and the sequence that is registered then.
    let table = [
        (register(1, 5), done.clone(), Some(5)),
        (register(1, 5), done.clone(), Some(5)),
        (register(1, 4), old(5), Some(5)),
        (register(1, 7), done.clone(), Some(7)),
        (withdraw(1, 5), done.clone(), Some(7)),
        (withdraw(2, 7), done.clone(), Some(7)),
        (register(2, 8), over(1), Some(7)),
        (withdraw(1, 7), done.clone(), None),
        (register(1, 8), done.clone(), Some(8)),
        (Command::StartProxy(start(1)), Ok(Accepted::Epoch(Epoch(2))), None),
        (register(1, 9), over(2), None),
        (register(2, 1), done.clone(), Some(1)),
        (Command::ExpireProxy { proxy: ProxyId(1), epoch: Epoch(2) }, done, None),
        (register(2, 2), over(0), None),
    ];
    let mut world = World::new();
    for (command, answer, registered) in table {
        let name = format!("{command:?}");
        assert_eq!(world.apply(command), answer, "{name}");
        assert_eq!(world.table.routes_of(&agent("lab-pi")).next().map(|route| route.sequence.0), registered, "{name}");
    }
}

#[test]
fn stale_routes_go_when_the_agent_is_touched() {
    let mut world = World::new();
    world.accept(register(1, 5));
    world.accept(Command::StartProxy(start(1)));
    assert_eq!(world.table.stored_routes(&agent("lab-pi")).len(), 1, "still kept");
    world.accept(withdraw(2, 1));
    assert_eq!(world.table.stored_routes(&agent("lab-pi")), []);
}

#[test]
fn routes_need_an_agent_and_a_proxy() {
    let mut world = World::new();
    let route = |name: &str, proxy: u64| Command::RegisterRoute {
        agent: agent(name),
        proxy: ProxyId(proxy),
        epoch: Epoch(1),
        sequence: Sequence(1),
    };
    assert_eq!(world.apply(route("nobody", 1)), Err(Rejection::AgentUnknown(agent("nobody"))));
    assert_eq!(world.apply(route("lab-pi", 9)), Err(Rejection::ProxyUnknown(ProxyId(9))));
}

#[test]
fn an_agent_is_seen_when_its_tunnels_come_and_go() {
    let mut world = World::new();
    assert_eq!(world.table.last_seen(&agent("lab-pi")), None);
    world.accept(register(1, 1));
    let later = Timestamp(NOW.0 + 5);
    for (command, seen) in [(withdraw(1, 9), NOW), (withdraw(1, 1), later)] {
        world.apply_at(later, vec![command]);
        assert_eq!(world.table.last_seen(&agent("lab-pi")), Some(Seen { at: seen, proxy: ProxyId(1) }));
    }
}

#[test]
fn services_are_bounded_and_unique() {
    let mut world = World::new();
    let publish = |services: Vec<Service>| Command::PublishServices { agent: agent("lab-pi"), services, version: "1".to_owned() };
    assert_eq!(world.apply(publish(vec![service("web"), service("ssh")])), Ok(Accepted::Done));
    let record = world.table.agent(&agent("lab-pi")).expect("an agent");
    assert_eq!(record.services.iter().map(|service| service.name.as_str()).collect::<Vec<_>>(), ["ssh", "web"], "by name");
    assert_eq!(record.version, "1");
    let many = (0..=MAX_SERVICES).map(|n| service(&format!("s{n}"))).collect();
    assert_eq!(world.apply(publish(many)), Err(Rejection::TooMany { what: "services".to_owned(), limit: 256 }));
    let twice = world.apply(publish(vec![service("web"), service("web")]));
    assert!(matches!(twice, Err(Rejection::NameInvalid(_))), "{twice:?}");
    let unknown = Command::PublishServices { agent: agent("nobody"), services: vec![], version: String::new() };
    assert_eq!(world.apply(unknown), Err(Rejection::AgentUnknown(agent("nobody"))));
}

#[test]
fn the_strategy_counts_at_least_one() {
    let mut world = World::new();
    let strategy = |count| Strategy { kind: StrategyKind::AgentMesh, agent_connection_count: count };
    assert_eq!(world.apply(Command::SetStrategy(strategy(0))), Ok(Accepted::Done));
    assert_eq!(world.table.cluster().map(|cluster| cluster.strategy), Some(strategy(1)));
}
