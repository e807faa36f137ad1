//! Which proxies drain, why, and until when.

use proptest::prelude::*;
use proptest::strategy::Strategy;

use super::*;
use crate::command::{Accepted, Rejection};

fn drain(proxy: u64, drain: Drain) -> Command {
    Command::DrainProxy { proxy: ProxyId(proxy), drain }
}

fn leave(proxy: u64, epoch: u64) -> Command {
    drain(proxy, Drain::Leaving(Epoch(epoch)))
}

fn order(proxy: u64) -> Command {
    drain(proxy, Drain::Ordered)
}

fn resume(proxy: u64) -> Command {
    Command::ResumeProxy { proxy: ProxyId(proxy) }
}

fn expire(proxy: u64, epoch: u64) -> Command {
    Command::ExpireProxy { proxy: ProxyId(proxy), epoch: Epoch(epoch) }
}

/// Proxy 1 in epoch 1, and proxy 2, which has not started.
fn two() -> World {
    let mut world = World::new();
    world.accept(Command::CreateToken(token(2, TokenRole::Proxy)));
    world.accept(Command::Enroll(enrollment(2, TokenRole::Proxy, "lab-2", 2)));
    world
}

#[test]
fn an_order_holds_until_it_is_taken_back_and_leaving_ends_with_its_epoch() {
    let done = || Ok(Accepted::Done);
    let epoch = |epoch| Ok(Accepted::Epoch(Epoch(epoch)));
    let over = |current| Err(Rejection::EpochOver { current: Epoch(current) });
    let leaving = |epoch| Some(Drain::Leaving(Epoch(epoch)));
    let ordered = Some(Drain::Ordered);
    let unknown = || Err(Rejection::ProxyUnknown(ProxyId(9)));
    // What is tried in turn, the answer, and why proxy 1 drains then.
    let table = [
        (order(9), unknown(), None),
        (leave(9, 1), unknown(), None),
        (resume(9), unknown(), None),
        (resume(1), done(), None),
        (leave(1, 2), over(1), None),
        (leave(2, 1), over(0), None),
        (leave(1, 1), done(), leaving(1)),
        (leave(1, 1), done(), leaving(1)),
        (resume(1), done(), leaving(1)),
        (expire(1, 7), done(), leaving(1)),
        (expire(1, 1), done(), None),
        (leave(1, 1), over(0), None),
        (Command::StartProxy(start(1)), epoch(2), None),
        (leave(1, 2), done(), leaving(2)),
        (Command::StartProxy(start(1)), epoch(3), None),
        // An order over a leaving, and the other way round.
        (leave(1, 3), done(), leaving(3)),
        (order(1), done(), ordered),
        (resume(1), done(), leaving(3)),
        (order(1), done(), ordered),
        (leave(1, 3), done(), ordered),
        (expire(1, 3), done(), ordered),
        (Command::StartProxy(start(1)), epoch(4), ordered),
        (order(1), done(), ordered),
        (resume(1), done(), None),
        // One that is down can be told to drain.
        (expire(1, 4), done(), None),
        (order(1), done(), ordered),
        (Command::RemoveProxy { proxy: ProxyId(1) }, done(), None),
        (order(1), Err(Rejection::ProxyRemoved(ProxyId(1))), None),
        (resume(1), Err(Rejection::ProxyRemoved(ProxyId(1))), None),
    ];
    let mut world = two();
    for (place, (command, answer, why)) in table.into_iter().enumerate() {
        let name = format!("{place}: {command:?}");
        assert_eq!(world.apply(command), answer, "{name}");
        assert_eq!(world.table.drain(ProxyId(1)), why, "{name}");
        assert_eq!(world.table.is_draining(ProxyId(1)), why.is_some(), "{name}");
        assert!(!world.table.is_draining(ProxyId(2)), "{name}");
    }
}

#[test]
fn whoever_succeeds_a_lost_group_does_not_drain() {
    let mut world = two();
    world.accept(order(1));
    world.accept(leave(1, 1));
    world.table.succeed_with_survivor(ProxyId(1), NOW);
    assert_eq!(world.table.drain(ProxyId(1)), None);
}

/// A snapshot of before there were drains lacks their section.
#[test]
fn an_older_snapshot_has_nobody_that_drains() {
    let mut world = two();
    let before = world.table.clone();
    world.accept(order(1));
    let mut back = Table::default();
    for record in world.table.section_records().filter(|record| record.section() != 10) {
        let mut bytes = Vec::new();
        record.write(&mut bytes);
        back.put_section_record(record.section(), &bytes).expect("a record");
    }
    assert_eq!(back, Table { proposers: world.table.proposers.clone(), ..before });
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Order,
    Leave(u64),
    Resume,
    Start,
    Expire(u64),
    Remove,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => Just(Event::Order),
        4 => (0..8_u64).prop_map(Event::Leave),
        3 => Just(Event::Resume),
        3 => Just(Event::Start),
        3 => (0..8_u64).prop_map(Event::Expire),
        1 => Just(Event::Remove),
    ]
}

/// The rules once more, as what has happened since.
fn expected(history: &[(Event, bool)], epoch: Option<Epoch>) -> Option<Drain> {
    let last = |wanted: fn(&Event) -> bool| history.iter().rposition(|(event, accepted)| *accepted && wanted(event));
    let removed = last(|event| matches!(event, Event::Remove)).is_some();
    let ordered = last(|event| matches!(event, Event::Order)) > last(|event| matches!(event, Event::Resume));
    let leaving =
        epoch.filter(|epoch| history.iter().any(|(event, accepted)| *accepted && matches!(event, Event::Leave(of) if *of == epoch.0)));
    if removed {
        None
    } else if ordered {
        Some(Drain::Ordered)
    } else {
        leaving.map(Drain::Leaving)
    }
}

proptest! {
    #[test]
    fn drains_follow_from_what_was_accepted(events in proptest::collection::vec(event(), 0..40)) {
        let (mut world, mut history) = (two(), Vec::new());
        for event in events {
            let command = match event {
                Event::Order => order(1),
                Event::Leave(epoch) => leave(1, epoch),
                Event::Resume => resume(1),
                Event::Start => Command::StartProxy(start(1)),
                Event::Expire(epoch) => expire(1, epoch),
                Event::Remove => Command::RemoveProxy { proxy: ProxyId(1) },
            };
            history.push((event, world.apply(command).is_ok()));
            prop_assert_eq!(world.table.drain(ProxyId(1)), expected(&history, world.table.epoch(ProxyId(1))));
            let mut back = Table::default();
            for record in world.table.section_records() {
                let mut bytes = Vec::new();
                record.write(&mut bytes);
                back.put_section_record(record.section(), &bytes).expect("a record");
            }
            prop_assert_eq!(&back, &world.table);
        }
    }
}
