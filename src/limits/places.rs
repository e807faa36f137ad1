//! Places that are given to parties, and given back.

use std::sync::{Arc, Mutex, PoisonError};

use super::Limit;
use super::crowd::Crowd;

/// Places of one kind. Cheap to clone; the clones have the same places.
#[derive(Clone, Debug)]
pub struct Places<K: Ord> {
    bounds: Bounds,
    crowd: Arc<Mutex<Crowd<K>>>,
}

/// How many places there are, each with the limit that is reached when there is none left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Of one party.
    pub each: Option<(usize, Limit)>,
    /// Of all together.
    pub all: Option<(usize, Limit)>,
}

/// A place, given back when dropped.
#[derive(Debug)]
pub struct Place<K: Ord> {
    party: K,
    crowd: Arc<Mutex<Crowd<K>>>,
}

impl<K: Ord + Clone> Places<K> {
    /// All places are free.
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, crowd: Arc::default() }
    }

    /// A place for `party`.
    ///
    /// # Errors
    /// The limit that is reached.
    pub fn take(&self, party: &K) -> Result<Place<K>, Limit> {
        let mut crowd = self.crowd.lock().unwrap_or_else(PoisonError::into_inner);
        let of_all = self.bounds.all.filter(|(most, _)| crowd.all() >= *most);
        let of_each = self.bounds.each.filter(|(most, _)| crowd.of(party) >= *most);
        if let Some((_, limit)) = of_each.or(of_all) {
            return Err(limit);
        }
        crowd.enter(party.clone());
        Ok(Place { party: party.clone(), crowd: self.crowd.clone() })
    }
}

impl<K: Ord> Drop for Place<K> {
    fn drop(&mut self) {
        self.crowd.lock().unwrap_or_else(PoisonError::into_inner).leave(&self.party);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_share_and_all_have_theirs() {
        let places = Places::new(Bounds { each: Some((2, Limit::EnrollmentsPerSource)), all: Some((3, Limit::Enrollments)) });
        let mut first: Vec<_> = (0..2).map(|_| places.take(&'a').expect("there is room")).collect();
        assert_eq!(places.take(&'a').err(), Some(Limit::EnrollmentsPerSource));
        let other = places.take(&'b').expect("there is room");
        assert_eq!(places.take(&'b').err(), Some(Limit::Enrollments));
        first.pop();
        assert!(places.clone().take(&'a').is_ok(), "its place was given back");
        drop((first, other));
        assert_eq!(places.crowd.lock().expect("not poisoned").all(), 0);
    }
}
