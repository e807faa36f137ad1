//! The bounds as they are now: an operator may change them while a proxy runs.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::Limits;

/// The bounds as they are now. Cheap to clone; the clones are the same.
#[derive(Clone, Debug, Default)]
pub struct LiveLimits(Arc<ArcSwap<Limits>>);

impl LiveLimits {
    /// The bounds now. Whoever has something already keeps it, also beyond them.
    pub fn now(&self) -> Limits {
        **self.0.load()
    }

    /// Changes the bounds.
    pub fn set(&self, limits: Limits) {
        self.0.store(Arc::new(limits));
    }
}

impl From<Limits> for LiveLimits {
    fn from(limits: Limits) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(limits)))
    }
}
