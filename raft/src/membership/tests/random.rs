//! Random lives of a group: whatever has happened, it comes to rest, and where it rests every rule holds.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::super::{Change, Listed, Rules};
use super::model::{Luck, Model};
use crate::ids::ProxyId;

const RULES: Rules = Rules { max_voters: 5, promote_after: Duration::from_secs(10), replace_after: Duration::from_secs(30) };
/// Long enough for everybody to be fit or dead.
const LONG: Duration = Duration::from_secs(60);
/// Most proxies, all told.
const PROXIES: u64 = 10;
const ZONES: [&str; 4] = ["", "a", "b", "c"];

#[derive(Clone, Debug)]
enum Event {
    Enroll { zone: usize },
    Start { proxy: usize },
    Move { proxy: usize, zone: usize },
    Fail { proxy: usize },
    Recover { proxy: usize },
    Remove { proxy: usize },
    Mark { proxy: usize },
    MaxVoters(usize),
    Depose,
    CatchUp,
    Pass { seconds: u64 },
    Step(Luck),
    Rest,
}

fn event() -> impl Strategy<Value = Event> {
    let proxy = || 0..20_usize;
    let zone = || 0..ZONES.len();
    prop_oneof![
        3 => zone().prop_map(|zone| Event::Enroll { zone }),
        4 => proxy().prop_map(|proxy| Event::Start { proxy }),
        1 => (proxy(), zone()).prop_map(|(proxy, zone)| Event::Move { proxy, zone }),
        2 => proxy().prop_map(|proxy| Event::Fail { proxy }),
        3 => proxy().prop_map(|proxy| Event::Recover { proxy }),
        1 => proxy().prop_map(|proxy| Event::Remove { proxy }),
        2 => proxy().prop_map(|proxy| Event::Mark { proxy }),
        1 => (1..8_usize).prop_map(Event::MaxVoters),
        1 => Just(Event::Depose),
        2 => Just(Event::CatchUp),
        4 => (1..40_u64).prop_map(|seconds| Event::Pass { seconds }),
        8 => Just(Event::Step(Luck::Whole)),
        2 => Just(Event::Step(Luck::Half)),
        1 => Just(Event::Rest),
    ]
}

/// One of them, if there are any.
fn pick<'a>(ids: impl Iterator<Item = &'a ProxyId>, place: usize) -> Option<ProxyId> {
    let ids: Vec<_> = ids.copied().collect();
    ids.get(place % ids.len().max(1)).copied()
}

fn happen(model: &mut Model, event: &Event, enrolled: &mut u64) {
    match *event {
        Event::Enroll { zone } if *enrolled < PROXIES => {
            *enrolled += 1;
            model.proxies.insert(ProxyId(*enrolled), Listed { zone: ZONES[zone].to_owned(), ..Listed::default() });
        }
        Event::Enroll { .. } => {}
        Event::Start { proxy } => {
            let fresh = model.proxies.iter().filter(|(_, listed)| listed.address.is_none()).map(|(id, _)| id);
            if let Some(id) = pick(fresh, proxy) {
                model.proxies.entry(id).or_default().address = Some("first".to_owned());
                model.alive.insert(id);
            }
        }
        Event::Move { proxy, zone } => {
            if let Some(id) = pick(model.proxies.keys(), proxy) {
                let listed = model.proxies.entry(id).or_default();
                listed.address = listed.address.take().map(|address| address + "'");
                listed.zone = ZONES[zone].to_owned();
            }
        }
        Event::Fail { proxy } => {
            if let Some(id) = pick(model.alive.iter(), proxy) {
                model.alive.remove(&id);
                if model.leader == Some(id) {
                    model.depose();
                }
            }
        }
        Event::Recover { proxy } => recover(model, proxy),
        Event::Remove { proxy } => drop(pick(model.proxies.keys(), proxy).map(|id| model.proxies.remove(&id))),
        Event::Mark { proxy } => mark(model, proxy),
        Event::MaxVoters(most) => model.rules.max_voters = most,
        Event::Depose => model.depose(),
        Event::CatchUp => model.catch_up(),
        Event::Pass { seconds } => model.pass(Duration::from_secs(seconds)),
        Event::Step(luck) => drop(model.step(luck)),
        Event::Rest => rest(model),
    }
    model.pass(Duration::ZERO);
}

/// A proxy is to leave; the last that stays is not.
fn mark(model: &mut Model, proxy: usize) {
    let staying: Vec<_> = model.proxies.keys().copied().filter(|id| model.is_listed(*id)).collect();
    if let Some(id) = pick(staying.iter(), proxy).filter(|_| staying.len() > 1) {
        model.proxies.entry(id).or_default().removed = true;
    }
}

fn recover(model: &mut Model, proxy: usize) {
    let down = model.members.keys().filter(|id| !model.alive.contains(id));
    if let Some(id) = pick(down, proxy) {
        model.alive.insert(id);
        if model.leader.is_none() {
            model.depose();
        }
    }
}

/// Nothing happens any more but the changes: they end, no state comes twice, and the rules hold.
fn rest(model: &mut Model) {
    let count = model.members.len() + model.proxies.len();
    let mut seen = BTreeSet::new();
    loop {
        model.pass(LONG);
        assert!(
            seen.insert((model.members.clone(), model.configurations.clone(), model.proxies.len(), model.leader)),
            "it oscillates: {model:#?}"
        );
        if model.step(Luck::Whole).is_none() {
            break;
        }
        assert!(seen.len() <= 1 + 5 * count, "{} changes: {model:#?}", seen.len());
    }
    if let Some(leader) = model.leader.filter(|_| model.has_majority()) {
        rules_hold(model, leader);
    }
}

fn rules_hold(model: &Model, leader: ProxyId) {
    assert_eq!(model.configurations.len(), 1, "{model:#?}");
    let voters = &model.configurations[0];
    let marked: Vec<_> = model.proxies.iter().filter(|(_, listed)| listed.removed).map(|(id, _)| id).collect();
    assert!(marked.iter().all(|id| model.members.contains_key(id)), "a record that could go: {model:#?}");
    for (id, listed) in model.proxies.iter().filter(|(_, listed)| !listed.removed) {
        assert_eq!(model.members.get(id), listed.address.as_ref(), "{model:#?}");
    }
    let listed = |id: &&ProxyId| model.is_listed(**id);
    // Only the last voter of all is not forgotten.
    assert!(model.members.keys().all(|id| listed(&id) || voters.len() == 1 && voters.contains(id)), "{model:#?}");
    let learners: Vec<_> = model.alive.iter().filter(|id| model.members.contains_key(id) && !voters.contains(id)).filter(listed).collect();
    let dead = voters.iter().filter(|id| !model.alive.contains(id)).count();
    if dead > 0 {
        // It stays because the group is no safer without it, and there is nobody to replace it.
        assert!(dead == 1 && voters.len() % 2 == 1 && learners.is_empty(), "{model:#?}");
    } else if voters.iter().all(|id| listed(&id)) {
        assert_eq!(voters.len(), model.rules.seats(voters.len() + learners.len()), "{model:#?}");
        spread(model, &learners);
    } else {
        assert!(learners.is_empty(), "{model:#?}");
    }
    let others = voters.iter().filter(|id| model.alive.contains(id) && **id != leader);
    let changes: Vec<Change> = others.filter_map(|id| model.proposed(*id)).collect();
    assert_eq!(changes, [], "another leader would go on: {model:#?}");
}

/// No learner could make a zone hold fewer voters.
fn spread(model: &Model, learners: &[&ProxyId]) {
    let zone = |id: &ProxyId| &model.proxies[id].zone;
    let voters_of = |place: &str| model.configurations[0].iter().filter(|id| zone(id) == place).count();
    for learner in learners {
        for voter in &model.configurations[0] {
            assert!(voters_of(zone(voter)) < voters_of(zone(learner)) + 2, "{voter} for {learner}: {model:#?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn whatever_happens_it_comes_to_rest(seed: usize, events in prop::collection::vec(event(), 1..120)) {
        let mut model = Model::new(RULES, seed);
        let mut enrolled = 1;
        for event in &events {
            happen(&mut model, event, &mut enrolled);
        }
        rest(&mut model);
        // Everybody is back: it can always go on.
        while model.members.keys().any(|id| !model.alive.contains(id)) {
            recover(&mut model, 0);
        }
        rest(&mut model);
        prop_assert!(model.leader.is_some() && model.has_majority());
    }
}
