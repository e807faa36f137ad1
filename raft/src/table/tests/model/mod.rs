//! The table against a naive model of what its documentation promises, and what must hold of its versions at any moment.

mod agree;
mod events;
mod naive;

use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};
use proptest::strategy::{Strategy as _, ValueTree};

use super::*;
use crate::decoding;
use events::history;
use naive::Naive;

/// The beginning of every history: a cluster of three proxies, two of which have started, and two agents.
fn begin() -> (Table, Naive) {
    let many = |id, role| Command::CreateToken(NewToken { uses: 9, ..token(id, role) });
    let commands = vec![
        Command::Bootstrap(Box::new(bootstrap())),
        many(11, TokenRole::Proxy),
        many(12, TokenRole::Agent),
        Command::Enroll(enrollment(11, TokenRole::Proxy, "lab-p2", 2)),
        Command::Enroll(enrollment(11, TokenRole::Proxy, "lab-p3", 3)),
        Command::Enroll(enrollment(12, TokenRole::Agent, "lab-0", 1)),
        Command::Enroll(enrollment(12, TokenRole::Agent, "lab-1", 2)),
        Command::StartProxy(ProxyStart { level: Level(4), ..start(1) }),
        Command::StartProxy(ProxyStart { level: Level(4), ..start(2) }),
    ];
    let first = Proposal { proposer: ProxyId(1), incarnation: Incarnation(0), number: 1, at: NOW, commands };
    let (mut table, mut naive) = (Table::default(), Naive::default());
    assert!(table.apply(&first).iter().all(Result::is_ok) && naive.apply(&first).iter().all(Result::is_ok));
    (table, naive)
}

fn records(table: &Table) -> Vec<(u16, Vec<u8>)> {
    decoding::records(table)
}

fn through_a_snapshot(table: &Table) -> Table {
    decoding::snapshot(decoding::pieces(table).iter().map(Vec::as_slice)).expect("a snapshot")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// Every answer, and after each proposal every look-up.
    #[test]
    fn the_table_is_as_the_model_has_it(proposals in history()) {
        let (mut table, mut naive) = begin();
        for proposal in &proposals {
            let answers: Vec<_> = table.apply(proposal).into_iter().map(|answer| answer.map_err(|why| naive::kind(&why))).collect();
            prop_assert_eq!(&answers, &naive.apply(proposal), "{:?}", proposal);
            agree::check(&table, &naive)?;
        }
    }

    /// A snapshot at any moment, in pieces, gives an equal table, and the rest of the log applied to that gives the same end.
    #[test]
    fn a_snapshot_at_any_moment_changes_nothing(proposals in history(), at in 0_usize..40) {
        let (mut whole, _) = begin();
        let mut halved = whole.clone();
        for (number, proposal) in proposals.iter().enumerate() {
            if number == at {
                let read = through_a_snapshot(&halved);
                prop_assert_eq!(&read, &halved);
                halved = read;
            }
            prop_assert_eq!(whole.apply(proposal), halved.apply(proposal));
        }
        prop_assert_eq!(records(&whole), records(&halved));
        prop_assert_eq!(through_a_snapshot(&whole), whole);
    }

    /// What a reader holds stays what it was, though it shares its parts with what came after.
    #[test]
    fn an_earlier_version_does_not_change(proposals in history()) {
        let (mut table, _) = begin();
        let mut versions = Vec::new();
        for proposal in &proposals {
            versions.push((table.clone(), records(&table)));
            let _ = table.apply(proposal);
        }
        for (version, was) in versions {
            prop_assert_eq!(records(&version), was);
        }
    }
}

/// The histories are worth something: every answer that there is comes, but those that need thousands of records.
#[test]
fn histories_come_to_everything() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut answers, mut routes) = (std::collections::BTreeSet::new(), 0);
    for _ in 0..3_000 {
        let proposals = history().new_tree(&mut runner).expect("a history").current();
        let (mut table, _) = begin();
        for proposal in &proposals {
            let kinds =
                table.apply(proposal).into_iter().map(|answer| answer.map_or_else(|why| naive::kind(&why), |_| "Accepted".to_owned()));
            answers.extend(kinds);
            routes = routes.max(table.routes().count());
        }
    }
    let never: Vec<_> = EXPECTED.iter().filter(|kind| !answers.contains(**kind)).collect();
    assert!(never.is_empty() && routes > 2, "{never:?} never came, and at most {routes} routes at once");
}

const EXPECTED: &[&str] = &[
    "Accepted",
    "AgentUnknown",
    "ClientUnknown",
    "ClusterExists",
    "EpochOver",
    "KeyRemoved",
    "LastProxy",
    "LevelHeldBack",
    "LevelTooLow",
    "MayNotPublish",
    "NameInvalid",
    "NameTaken",
    "NotRemoved",
    "NotRotating",
    "Overtaken",
    "ProxyRemoved",
    "ProxyUnknown",
    "Rotating",
    "RotationElsewhere",
    "SequenceOld",
    "TokenExists",
    "TokenExpired",
    "TokenName",
    "TokenRevoked",
    "TokenRole",
    "TokenUnknown",
    "TokenUsed",
];
