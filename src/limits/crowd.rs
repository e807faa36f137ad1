//! Who has how many of something. Pure.

use std::collections::BTreeMap;

/// How many of something each party has now. Whoever has none takes no room.
#[derive(Debug)]
pub struct Crowd<K> {
    by_party: BTreeMap<K, usize>,
    all: usize,
}

impl<K> Default for Crowd<K> {
    fn default() -> Self {
        Self { by_party: BTreeMap::new(), all: 0 }
    }
}

impl<K: Ord> Crowd<K> {
    /// How many there are.
    pub fn all(&self) -> usize {
        self.all
    }

    /// How many `party` has.
    pub fn of(&self, party: &K) -> usize {
        self.by_party.get(party).copied().unwrap_or_default()
    }

    /// One more, of `party`.
    pub fn enter(&mut self, party: K) {
        *self.by_party.entry(party).or_default() += 1;
        self.all += 1;
    }

    /// One less, of `party`, which has one.
    pub fn leave(&mut self, party: &K) {
        let Some(count) = self.by_party.get_mut(party) else { return };
        *count -= 1;
        self.all -= 1;
        if *count == 0 {
            self.by_party.remove(party);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Nobody is forgotten who is there, and nobody is kept who has left.
        #[test]
        fn counts_who_is_there(events in proptest::collection::vec((0_u8..5, any::<bool>()), 0..200)) {
            let (mut crowd, mut model) = (Crowd::default(), [0_usize; 5]);
            for (party, enters) in events {
                let count = &mut model[usize::from(party)];
                if enters {
                    *count += 1;
                    crowd.enter(party);
                } else {
                    *count = count.saturating_sub(1);
                    crowd.leave(&party);
                }
                prop_assert_eq!(crowd.all(), model.iter().sum::<usize>());
                prop_assert_eq!(crowd.by_party.len(), model.iter().filter(|count| **count > 0).count());
                for (party, count) in (0_u8..).zip(model) {
                    prop_assert_eq!(crowd.of(&party), count);
                }
            }
        }
    }
}
