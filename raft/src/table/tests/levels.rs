//! The cluster's feature level: never above what a proxy that has started knows.

use super::*;
use crate::command::{Accepted, Rejection};

fn known(proxy: u64, level: u64) -> Command {
    Command::StartProxy(ProxyStart { level: Level(level), ..start(proxy) })
}

/// A cluster with `proxies` proxies, none of which has started.
fn world(proxies: u8) -> World {
    let mut world = World::default();
    world.accept(Command::Bootstrap(Box::new(bootstrap())));
    for number in 2..=proxies {
        world.accept(Command::CreateToken(token(number, TokenRole::Proxy)));
        world.accept(Command::Enroll(enrollment(number, TokenRole::Proxy, &format!("lab-{number}"), number)));
    }
    world
}

#[test]
fn the_level_is_what_every_proxy_knows() {
    let raise = |level: u64| Command::RaiseLevel { level: Level(level) };
    let held = |name: &str| Err(Rejection::LevelHeldBack(name.parse().expect("a name")));
    let low = |known: u64, cluster: u64| Err(Rejection::LevelTooLow { known: Level(known), cluster: Level(cluster) });
    let epoch = |epoch: u64| Ok(Accepted::Epoch(Epoch(epoch)));
    let done = Ok(Accepted::Done);
    // What is tried in turn, the answer, the cluster's level then, and the one it can be raised to.
    let table = [
        (known(1, 3), epoch(1), 1, Some(3)),
        (known(2, 1), epoch(2), 1, None),
        (raise(2), held("lab-2"), 1, None),
        (Command::ExpireProxy { proxy: ProxyId(2), epoch: Epoch(2) }, done.clone(), 1, None),
        (raise(2), held("lab-2"), 1, None),
        (known(2, 2), epoch(3), 1, Some(2)),
        (raise(3), held("lab-2"), 1, Some(2)),
        (raise(2), done.clone(), 2, None),
        (raise(1), done.clone(), 2, None),
        (known(2, 1), low(1, 2), 2, None),
        // It was enrolled all the time and had never started.
        (known(3, 1), low(1, 2), 2, None),
        (known(3, 4), epoch(4), 2, None),
        (known(2, 4), epoch(5), 2, Some(3)),
        (raise(3), done, 3, None),
    ];
    let mut world = world(3);
    assert_eq!((world.table.level(), world.table.next_level()), (Level(1), None));
    for (command, answer, level, next) in table {
        let name = format!("{command:?}");
        assert_eq!(world.apply(command), answer, "{name}");
        assert_eq!((world.table.level(), world.table.next_level()), (Level(level), next.map(Level)), "{name}");
    }
}

#[test]
fn who_holds_the_level_back_is_named() {
    let mut world = world(3);
    world.accept(known(1, 2));
    world.accept(known(2, 1));
    let names = |level: u64| world.table.holding_back(Level(level)).map(|(id, proxy)| (id.0, proxy.name.to_string())).collect::<Vec<_>>();
    assert_eq!(names(1), []);
    assert_eq!(names(2), [(2, "lab-2".to_owned())], "not the one that has never started");
    assert_eq!(names(3), [(1, "proxy-1".to_owned()), (2, "lab-2".to_owned())]);
}
