//! A proxy leaves the table: first it is marked, later it is forgotten.

use super::*;
use crate::command::{Accepted, Rejection};

/// Enrols a proxy `lab-2`; each time with a new token and a new key.
fn second_proxy(world: &mut World) -> ProxyId {
    let next = u8::try_from(world.table.next_proxy).expect("few proxies");
    world.accept(Command::CreateToken(token(next, TokenRole::Proxy)));
    match world.accept(Command::Enroll(enrollment(next, TokenRole::Proxy, "lab-2", next))) {
        Accepted::Enrolled { proxy } => proxy.expect("an id"),
        Accepted::Done | Accepted::Epoch(_) => panic!("an enrolment is answered by an identity"),
    }
}

#[test]
fn a_removed_proxy_has_no_epoch_and_gets_none() {
    let mut world = World::new();
    let second = second_proxy(&mut world);
    world.accept(Command::StartProxy(start(second.0)));
    world.accept(Command::RemoveProxy { proxy: second });
    let epoch = world.table.epoch(second);
    assert_eq!((epoch, world.table.has_removed(second)), (None, false), "it is there until it is forgotten");
    assert_eq!(world.apply(Command::StartProxy(start(second.0))), Err(Rejection::ProxyRemoved(second)));
    assert_eq!(world.apply(Command::RemoveProxy { proxy: second }), Ok(Accepted::Done), "again is the same");
    assert_eq!(world.apply(Command::RemoveProxy { proxy: ProxyId(1) }), Err(Rejection::LastProxy), "the last one that stays");
}

#[test]
fn only_a_removed_proxy_is_forgotten_and_its_name_is_free_and_its_id_is_not() {
    let mut world = World::new();
    let second = second_proxy(&mut world);
    assert_eq!(world.apply(Command::ForgetProxy { proxy: second }), Err(Rejection::NotRemoved(second)));
    world.accept(Command::RemoveProxy { proxy: second });
    world.accept(Command::ForgetProxy { proxy: second });
    assert!(world.table.proxy(second).is_none() && world.table.has_removed(second));
    assert!(!world.table.proposers.contains_key(&second));
    assert_eq!(world.apply(Command::ForgetProxy { proxy: second }), Ok(Accepted::Done), "again is the same");
    assert_eq!(second_proxy(&mut world), ProxyId(second.0 + 1), "the same name, another id");
}

#[test]
fn the_only_proxy_and_a_stranger_are_not_removed() {
    let mut world = World::new();
    assert_eq!(world.apply(Command::RemoveProxy { proxy: ProxyId(1) }), Err(Rejection::LastProxy));
    assert_eq!(world.apply(Command::RemoveProxy { proxy: ProxyId(9) }), Err(Rejection::ProxyUnknown(ProxyId(9))));
}

#[test]
fn the_routes_of_a_removed_proxy_are_over() {
    let mut world = World::new();
    second_proxy(&mut world);
    world.accept(register(1, 4));
    assert_eq!(world.table.routes().count(), 1);
    world.accept(Command::RemoveProxy { proxy: ProxyId(1) });
    assert_eq!(world.table.routes().count(), 0);
}
