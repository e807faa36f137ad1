//! Places that are given to parties, and given back.

use std::sync::{Arc, Mutex, PoisonError};

use super::crowd::Crowd;
use super::{Limit, Limits, LiveLimits};

/// Places of one kind. Cheap to clone; the clones have the same places.
#[derive(Clone, Debug)]
pub struct Places<K: Ord> {
    limits: LiveLimits,
    bounds: Bounds,
    crowd: Arc<Mutex<Crowd<K>>>,
}

/// Which of the bounds it is.
pub type Bound = fn(&Limits) -> usize;

/// How many places there are, each with the limit that is reached when there is none left.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bounds {
    /// Of one party.
    pub each: Option<(Bound, Limit)>,
    /// Of all together.
    pub all: Option<(Bound, Limit)>,
}

/// A place, given back when dropped.
#[derive(Debug)]
pub struct Place<K: Ord> {
    party: K,
    crowd: Arc<Mutex<Crowd<K>>>,
}

impl<K: Ord + Clone> Places<K> {
    /// All places are free.
    pub fn new(limits: LiveLimits, bounds: Bounds) -> Self {
        Self { limits, bounds, crowd: Arc::default() }
    }

    /// A place for `party`.
    ///
    /// # Errors
    /// The limit that is reached.
    pub fn take(&self, party: &K) -> Result<Place<K>, Limit> {
        let limits = self.limits.now();
        let mut crowd = self.crowd.lock().unwrap_or_else(PoisonError::into_inner);
        let of_all = self.bounds.all.filter(|(most, _)| crowd.all() >= most(&limits));
        let of_each = self.bounds.each.filter(|(most, _)| crowd.of(party) >= most(&limits));
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
        let limits = LiveLimits::from(Limits { enrollments: 3, enrollments_per_source: 2, ..Limits::default() });
        let each: Bound = |limits| limits.enrollments_per_source;
        let all: Bound = |limits| limits.enrollments;
        let bounds = Bounds { each: Some((each, Limit::EnrollmentsPerSource)), all: Some((all, Limit::Enrollments)) };
        let places = Places::new(limits.clone(), bounds);
        let mut first: Vec<_> = (0..2).map(|_| places.take(&'a').expect("there is room")).collect();
        assert_eq!(places.take(&'a').err(), Some(Limit::EnrollmentsPerSource));
        let other = places.take(&'b').expect("there is room");
        assert_eq!(places.take(&'b').err(), Some(Limit::Enrollments));
        first.pop();
        assert!(places.clone().take(&'a').is_ok(), "its place was given back");
        limits.set(Limits { enrollments: 4, ..limits.now() });
        let fourth = places.take(&'c').expect("there is more room");
        limits.set(Limits { enrollments: 1, ..limits.now() });
        assert_eq!(places.take(&'d').err(), Some(Limit::Enrollments), "whoever has a place keeps it");
        drop(fourth);
        drop((first, other));
        assert_eq!(places.crowd.lock().expect("not poisoned").all(), 0);
    }
}
