//! What the routing store's calls to other members take, shown at `/metrics`.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// The shortest bucket: a call within a machine takes less than this.
const SHORTEST: f64 = 0.000_25;
/// How many buckets there are, each twice as long as the one before: up to 4 s.
const BUCKETS: u16 = 15;

/// The calls of this proxy's store to others: Raft's messages, leases, forwarded writes. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Calls {
    seconds: Histogram,
    failed: Counter,
}

impl Default for Calls {
    fn default() -> Self {
        Self { seconds: Histogram::new(exponential_buckets(SHORTEST, 2.0, BUCKETS)), failed: Counter::default() }
    }
}

impl Calls {
    /// Shows them in `registry`.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("warren_raft");
        let took = "How long calls of this proxy's store to others took, there and back, that were answered";
        registry.register_with_unit("call", took, Unit::Seconds, self.seconds.clone());
        registry.register("calls_failed", "Calls of this proxy's store to others that had no answer in time", self.failed.clone());
    }

    /// A call was answered.
    pub(super) fn answered(&self, took: Duration) {
        self.seconds.observe(took.as_secs_f64());
    }

    /// A call was not.
    pub(super) fn failed(&self) {
        self.failed.inc();
    }
}
