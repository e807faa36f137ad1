//! Who enters by this proxy while it goes away: what is asked of it and not carried yet, and the clients that were told and are about to go elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Whether anybody enters. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(in crate::proxy) struct Entering(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    asking: Arc<AtomicUsize>,
    told: Arc<AtomicUsize>,
    is_shut: AtomicBool,
}

/// Counts among those that enter until it is dropped.
#[derive(Debug)]
pub(in crate::proxy) struct Entered(Arc<AtomicUsize>);

impl Entered {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Entering {
    /// Somebody asks for something; until this is dropped the proxy does not go. `None` once nobody comes in any more: another proxy is to be asked.
    pub(in crate::proxy) fn ask(&self) -> Option<Entered> {
        // Counted before it is looked: whoever shuts and then counts misses nobody.
        let entered = Entered::new(&self.0.asking);
        (!self.0.is_shut.load(Ordering::SeqCst)).then_some(entered)
    }

    /// A client is told that this proxy goes away, and has not gone elsewhere until this is dropped.
    pub(in crate::proxy) fn tell(&self) -> Entered {
        Entered::new(&self.0.told)
    }

    /// Nobody comes in from now on.
    pub(super) fn shut(&self) {
        self.0.is_shut.store(true, Ordering::SeqCst);
    }

    /// Whether something is asked for that is not carried yet.
    pub(super) fn is_asked(&self) -> bool {
        self.0.asking.load(Ordering::SeqCst) > 0
    }

    /// Whether a client that was told has not gone elsewhere yet.
    pub(super) fn is_waited_for(&self) -> bool {
        self.0.told.load(Ordering::SeqCst) > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_came_in_before_it_was_shut_is_waited_for_and_nobody_comes_after() {
        let entering = Entering::default();
        assert!(!entering.is_asked() && !entering.is_waited_for());
        let (asked, told) = (entering.ask().expect("it is open"), entering.tell());
        entering.shut();
        assert!(entering.is_asked() && entering.is_waited_for());
        assert!(entering.ask().is_none());
        assert!(entering.is_asked(), "who was turned away does not count, the one before does");
        drop(asked);
        assert!(!entering.is_asked() && entering.is_waited_for());
        drop(told);
        assert!(!entering.is_waited_for());
    }
}
