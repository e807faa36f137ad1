//! A proposal counts once, however often and late it arrives.

use super::*;
use crate::command::{Accepted, Rejection};

fn proposal(proposer: u64, incarnation: u64, number: u64) -> Proposal {
    let commands = vec![Command::StartProxy(start(1))];
    Proposal { proposer: ProxyId(proposer), incarnation: Incarnation(incarnation), number, at: NOW, commands }
}

#[test]
fn a_proposal_counts_once() {
    let epoch = |epoch| Ok(Accepted::Epoch(Epoch(epoch)));
    let overtaken = Err(Rejection::Overtaken);
    // Incarnation and number in turn, and the answer.
    let table = [
        ((2, 1), epoch(2)),
        ((2, 1), epoch(2)),
        ((2, 3), epoch(3)),
        ((2, 2), overtaken.clone()),
        ((1, 9), overtaken.clone()),
        ((3, 1), epoch(4)),
        ((2, 3), overtaken),
        ((3, 1), epoch(4)),
    ];
    let mut world = World::new();
    for ((incarnation, number), expected) in table {
        assert_eq!(world.table.apply(&proposal(1, incarnation, number)), [expected], "{incarnation}.{number}");
    }
    assert_eq!(world.table.epoch(ProxyId(1)), Some(Epoch(4)));
}

#[test]
fn strangers_are_not_remembered() {
    let mut world = World::new();
    assert_eq!(world.table.apply(&proposal(9, 1, 1)), [Err(Rejection::ProxyUnknown(ProxyId(9)))]);
    assert_eq!(world.table.proposers.len(), 1);
}

#[test]
fn the_first_proposal_is_remembered_too() {
    let mut table = Table::default();
    let commands = vec![Command::Bootstrap(Box::new(bootstrap()))];
    let first = Proposal { proposer: ProxyId(1), incarnation: Incarnation(1), number: 1, at: NOW, commands };
    assert_eq!(table.apply(&first), [Ok(Accepted::Done)]);
    assert_eq!(table.apply(&first), [Ok(Accepted::Done)]);
}
