//! Which ways in there are, and whether all are open that ought to be.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use warren_raft::{IngressAdmits, IngressRule};

/// How many doors ask nobody who they are, and how many are shut that ought to be open. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(in crate::proxy) struct Listening {
    asking_nobody: Arc<AtomicUsize>,
    shut: Arc<AtomicUsize>,
}

/// A door that is shut and ought to be open, until it is dropped.
#[derive(Debug)]
pub(super) struct Shut(Arc<AtomicUsize>);

impl Listening {
    /// Whether all are open.
    pub(in crate::proxy) fn is_well(&self) -> bool {
        self.shut.load(Ordering::Relaxed) == 0
    }

    /// How many let in whoever comes, once that is published.
    pub(in crate::proxy) fn asking_nobody(&self) -> usize {
        self.asking_nobody.load(Ordering::Relaxed)
    }

    /// Notes that these are served.
    pub(in crate::proxy) fn serve(&self, rules: &[IngressRule]) {
        let asking_nobody = rules.iter().filter(|rule| rule.admits == IngressAdmits::Anybody).count();
        self.asking_nobody.store(asking_nobody, Ordering::Relaxed);
    }

    /// Notes that one is shut.
    pub(super) fn shut(&self) -> Shut {
        self.shut.fetch_add(1, Ordering::Relaxed);
        Shut(self.shut.clone())
    }
}

impl Drop for Shut {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
