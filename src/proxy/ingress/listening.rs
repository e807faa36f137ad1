//! Whether all ways in are open that ought to be.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many doors are shut that ought to be open. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(in crate::proxy) struct Listening(Arc<AtomicUsize>);

/// A door that is shut and ought to be open, until it is dropped.
#[derive(Debug)]
pub(super) struct Shut(Arc<AtomicUsize>);

impl Listening {
    /// Whether all are open.
    pub(in crate::proxy) fn is_well(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    /// Notes that one is shut.
    pub(super) fn shut(&self) -> Shut {
        self.0.fetch_add(1, Ordering::Relaxed);
        Shut(self.0.clone())
    }
}

impl Drop for Shut {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
