//! The map against one of the standard library, with hashes as they are and with hashes that collide.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::node::LEAF;
use super::*;

#[derive(Clone, Debug)]
enum Event {
    Insert(u16, u32),
    Change(u16, u32),
    Remove(u16),
    /// Keeps the version of now, as a reader does.
    Keep,
}

fn event() -> impl Strategy<Value = Event> {
    // Few enough names that most of them are there, and more than fit into a few leaves.
    let name = 0..400_u16;
    prop_oneof![
        4 => (name.clone(), any::<u32>()).prop_map(|(name, value)| Event::Insert(name, value)),
        2 => (name.clone(), any::<u32>()).prop_map(|(name, value)| Event::Change(name, value)),
        2 => name.prop_map(Event::Remove),
        1 => Just(Event::Keep),
    ]
}

fn name(number: u16) -> AgentName {
    // Some in place, some not.
    let long = if number.is_multiple_of(3) { "-with-a-long-name-that-is-elsewhere" } else { "" };
    format!("agent-{number}{long}").parse().expect("a name")
}

/// Hashes that differ in the bits of `mask` only: 0 makes all of them the same.
fn run(events: &[Event], mask: u64) -> Result<(), TestCaseError> {
    let hashed = |name: &AgentName| hash(name.as_bytes()) & mask;
    let (mut root, mut model, mut kept) = (Node::default(), BTreeMap::new(), Vec::new());
    for event in events {
        match *event {
            Event::Insert(number, value) => {
                let name = name(number);
                let replaced = root.insert(Entry { hash: hashed(&name), name: name.clone(), value });
                prop_assert_eq!(replaced, model.insert((hashed(&name), name), value));
            }
            Event::Change(number, value) => {
                let name = name(number);
                let found = root.get_mut(hashed(&name), &name).map(|known| *known = value);
                prop_assert_eq!(found, model.get_mut(&(hashed(&name), name)).map(|known| *known = value));
            }
            Event::Remove(number) => {
                let name = name(number);
                prop_assert_eq!(root.remove(hashed(&name), &name, 0), model.remove(&(hashed(&name), name)));
            }
            Event::Keep => kept.push((root.clone(), model.clone())),
        }
    }
    kept.push((root, model));
    for (root, model) in &kept {
        prop_assert_eq!(root.checked(0), model.len());
        prop_assert!(root.iter().eq(model.iter().map(|((_, name), value)| (name, value))), "the same, in the same order");
        for place in [0, 1, hash(b"a"), hash(b"b") & mask, mask / 2, mask, u64::MAX] {
            let from = model.iter().filter(|((hash, _), _)| *hash >= place).map(|((_, name), value)| (name, value));
            prop_assert!(root.iter_from(place).eq(from), "from {}", place);
        }
        for number in 0..400 {
            let name = name(number);
            prop_assert_eq!(root.get(hashed(&name), &name), model.get(&(hashed(&name), name)));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn it_is_as_the_model_has_it(events in proptest::collection::vec(event(), 0..800)) {
        run(&events, u64::MAX)?;
    }

    #[test]
    fn so_it_is_when_names_collide(events in proptest::collection::vec(event(), 0..800), bits in 0..6_u32) {
        run(&events, (1 << bits) - 1)?;
    }
}

#[test]
fn a_map_that_was_emptied_is_as_a_new_one() {
    let mut map = NameMap::default();
    for number in 0..1_000 {
        map.insert(name(number), number);
    }
    let full = map.clone();
    for number in 0..1_000 {
        assert_eq!((map.remove(&name(number)), map.remove(&name(number))), (Some(number), None));
        let _ = map.root.checked(0);
    }
    assert_eq!((map.len(), full.len(), full.iter().count()), (0, 1_000, 1_000));
    for place in [0, hash(b"a"), u64::MAX] {
        let around: BTreeMap<_, _> = full.iter_around(place).collect();
        assert_eq!((around.len(), full.iter_around(place).count()), (1_000, 1_000), "each once, from {place}");
    }
    assert_eq!(map, NameMap::default());
}

#[test]
fn the_order_of_arrival_does_not_matter() {
    let (mut one, mut other) = (NameMap::default(), NameMap::default());
    for number in 0..1_000 {
        one.insert(name(number), number);
        other.insert(name(999 - number), 999 - number);
    }
    assert_eq!(one, other);
    assert!(one.iter().eq(other.iter()), "in the same order");
    assert_eq!((one.len(), one.get(&name(7)), one.get(&name(2_000))), (1_000, Some(&7), None));
    assert_eq!(one.get_mut(&name(2_000)), None);
    assert!(one.len() > LEAF, "it has branches");
}
