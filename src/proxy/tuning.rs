//! What an operator may change of a proxy while it runs.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::settings::Proxy;
use crate::limits::{Limits, LiveLimits};

/// What an operator may change of a proxy while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tunable {
    /// How long streams may run on when it goes away.
    pub drain_timeout: Duration,
    /// Longest budget of a dial.
    pub dial_timeout: Duration,
    /// Streams of one agent's tunnel at the same time.
    pub streams_per_agent: u64,
    /// What else one party may use. What is counted when a proxy starts, such as the places for registrations, stays.
    pub limits: Limits,
}

/// The same as it is now. Cheap to clone; the clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Tuning {
    now: Arc<ArcSwap<Tunable>>,
    limits: LiveLimits,
}

impl Tuning {
    /// As it is now.
    pub(super) fn now(&self) -> Tunable {
        **self.now.load()
    }

    /// The bounds.
    pub(super) fn limits(&self) -> &LiveLimits {
        &self.limits
    }

    /// Changes it.
    pub(super) fn set(&self, tunable: Tunable) {
        self.limits.set(tunable.limits);
        self.now.store(Arc::new(tunable));
    }
}

impl From<Tunable> for Tuning {
    fn from(tunable: Tunable) -> Self {
        Self { limits: tunable.limits.into(), now: Arc::new(ArcSwap::from_pointee(tunable)) }
    }
}

impl From<&Proxy> for Tunable {
    fn from(proxy: &Proxy) -> Self {
        let Proxy { drain_timeout, dial_timeout, streams_per_agent, limits, .. } = *proxy;
        Self { drain_timeout, dial_timeout, streams_per_agent, limits }
    }
}
