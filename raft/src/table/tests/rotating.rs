//! The phases of a rotation, and single certificates that are refused.

use super::*;
use crate::command::{Accepted, NewAuthority, Rejection};
use RotationPhase::{Issuing, Presenting, Returning, Trusting};

const OLD: &[u8] = &[1, 2];
const NEW: &[u8] = &[5, 6];

fn begin() -> Command {
    Command::BeginRotation(Box::new(NewAuthority { certificate: NEW.to_vec(), key: vec![7, 8] }))
}

fn advance(from: RotationPhase) -> Command {
    Command::AdvanceRotation { began_at: NOW, from }
}

fn roll_back() -> Command {
    Command::RollBackRotation { began_at: NOW }
}

/// What holds in a phase: who is trusted, the one that issues first, and whose certificates proxies present.
fn standing(table: &Table) -> (Vec<&[u8]>, &[u8], &[u8]) {
    let trusted = table.trusted_authorities().into_iter().map(|authority| authority.certificate).collect();
    let issuing = table.issuing_authority().expect("a cluster").certificate;
    (trusted, issuing, table.presented_authority().expect("a cluster").certificate)
}

#[test]
fn each_phase_has_who_is_trusted_who_issues_and_who_is_presented() {
    // The steps that lead there, the phase, and what holds then.
    type Row<'a> = (&'a [Command], Option<RotationPhase>, &'a [&'a [u8]], &'a [u8], &'a [u8]);
    let table: [Row<'_>; 10] = [
        (&[], None, &[OLD], OLD, OLD),
        (&[begin()], Some(Trusting), &[OLD, NEW], OLD, OLD),
        (&[begin(), advance(Trusting)], Some(Issuing), &[NEW, OLD], NEW, OLD),
        (&[begin(), advance(Trusting), advance(Issuing)], Some(Presenting), &[NEW, OLD], NEW, NEW),
        (&[begin(), advance(Trusting), advance(Issuing), advance(Presenting)], None, &[NEW], NEW, NEW),
        (&[begin(), roll_back()], None, &[OLD], OLD, OLD),
        (&[begin(), advance(Trusting), roll_back()], Some(Returning), &[OLD, NEW], OLD, OLD),
        (&[begin(), advance(Trusting), advance(Issuing), roll_back()], Some(Returning), &[OLD, NEW], OLD, OLD),
        (&[begin(), advance(Trusting), roll_back(), roll_back()], Some(Returning), &[OLD, NEW], OLD, OLD),
        (&[begin(), advance(Trusting), roll_back(), advance(Returning)], None, &[OLD], OLD, OLD),
    ];
    for (steps, phase, trusted, issuing, presented) in table {
        let mut world = World::new();
        steps.iter().for_each(|step| assert_eq!(world.accept(step.clone()), Accepted::Done));
        assert_eq!(world.table.rotation().map(|rotation| rotation.phase), phase, "{steps:?}");
        assert_eq!(standing(&world.table), (trusted.to_vec(), issuing, presented), "{steps:?}");
    }
}

#[test]
fn what_is_late_changes_nothing() {
    let elsewhere = |phase| Err(Rejection::RotationElsewhere { phase });
    let table = [
        (vec![], advance(Trusting), Err(Rejection::NotRotating)),
        (vec![], roll_back(), Err(Rejection::NotRotating)),
        (vec![begin()], begin(), Err(Rejection::Rotating)),
        (vec![begin()], advance(Issuing), elsewhere(Trusting)),
        (vec![begin(), advance(Trusting)], advance(Trusting), elsewhere(Issuing)),
        (vec![begin(), advance(Trusting), roll_back()], advance(Presenting), elsewhere(Returning)),
        // About a rotation that is over, while another one runs.
        (vec![begin()], Command::AdvanceRotation { began_at: Timestamp(NOW.0 - 1), from: Trusting }, Err(Rejection::NotRotating)),
        (vec![begin()], Command::RollBackRotation { began_at: Timestamp(NOW.0 - 1) }, Err(Rejection::NotRotating)),
    ];
    for (steps, late, answer) in table {
        let mut world = World::new();
        for step in steps {
            world.accept(step);
        }
        let (rotation, cluster) = (world.table.rotation.clone(), world.table.cluster.clone());
        assert_eq!(world.apply(late.clone()), answer, "{late:?}");
        assert_eq!((&world.table.rotation, &world.table.cluster), (&rotation, &cluster), "{late:?}");
    }
}

#[test]
fn each_phase_says_when_it_began() {
    let mut world = World::new();
    let at = |step: u64| Timestamp(NOW.0 + step);
    for (step, command) in (0..).zip([begin(), advance(Trusting), advance(Issuing), roll_back()]) {
        assert_eq!(world.apply_at(at(step), vec![command]), [Ok(Accepted::Done)]);
        let rotation = world.table.rotation().expect("under way");
        assert_eq!((rotation.began_at, rotation.phase_at), (NOW, at(step)));
    }
}

#[test]
fn a_certificate_is_refused_until_it_ends_by_itself() {
    let mut world = World::new();
    let revoke = |of: u8, until: u64| Command::RevokeSerial { serial: Serial([of; 16]), until: Timestamp(until) };
    world.accept(revoke(1, NOW.0 + 10));
    world.accept(revoke(1, NOW.0 + 5));
    let is_revoked = |world: &World, of: u8, at: u64| world.table.is_revoked(Serial([of; 16]), Timestamp(NOW.0 + at));
    assert_eq!([0, 9, 10].map(|at| is_revoked(&world, 1, at)), [true, true, false], "the longer word counts");
    assert!(!is_revoked(&world, 2, 0));
    world.apply_at(Timestamp(NOW.0 + 10), vec![revoke(2, NOW.0 + 99)]);
    assert_eq!(world.table.revoked().collect::<Vec<_>>(), [(Serial([2; 16]), Timestamp(NOW.0 + 99))], "the other one is forgotten");
}

#[test]
fn revoked_certificates_have_a_bound_and_old_ones_make_room() {
    let mut world = World::new();
    let revoke = |number: usize, until: u64| {
        let mut serial = [0; 16];
        serial[..8].copy_from_slice(&(number as u64).to_be_bytes());
        Command::RevokeSerial { serial: Serial(serial), until: Timestamp(until) }
    };
    world.apply_at(NOW, (0..MAX_REVOKED).map(|number| revoke(number, NOW.0 + 10)).collect());
    let full = Err(Rejection::TooMany { what: "revoked certificates".to_owned(), limit: MAX_REVOKED as u64 });
    assert_eq!(world.apply(revoke(MAX_REVOKED, NOW.0 + 10)), full);
    assert_eq!(world.apply(revoke(0, NOW.0 + 20)), Ok(Accepted::Done), "one that is known takes no room");
    assert_eq!(world.apply_at(Timestamp(NOW.0 + 10), vec![revoke(MAX_REVOKED, NOW.0 + 30)]), [Ok(Accepted::Done)]);
    assert_eq!(world.table.revoked().count(), 2);
}
