//! What the routing store takes, shown at `/metrics`.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use warren_raft::StoreUsage;

/// What the routing store takes, read off it at each scrape.
#[derive(Clone, Debug, Default)]
pub(super) struct StoreMetrics {
    snapshot_index: Gauge<u64, AtomicU64>,
    snapshot_bytes: Gauge<u64, AtomicU64>,
    snapshot_seconds: Gauge<f64, AtomicU64>,
    log_entries: Gauge<u64, AtomicU64>,
    log_bytes: Gauge<u64, AtomicU64>,
    store_bytes: Gauge<u64, AtomicU64>,
}

impl StoreMetrics {
    /// All of them, at zero.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = registry.sub_registry_with_prefix("raft");
        registry.register("snapshot_index", "The last log entry that the snapshot holds", metrics.snapshot_index.clone());
        registry.register_with_unit("snapshot", "What the snapshot takes", Unit::Bytes, metrics.snapshot_bytes.clone());
        let took = "How long the last snapshot that was made here took";
        registry.register_with_unit("snapshot_duration", took, Unit::Seconds, metrics.snapshot_seconds.clone());
        registry.register("log_entries", "Entries of the log", metrics.log_entries.clone());
        registry.register_with_unit("log", "What the entries of the log take", Unit::Bytes, metrics.log_bytes.clone());
        registry.register_with_unit("store", "What all files of the store take", Unit::Bytes, metrics.store_bytes.clone());
        metrics
    }

    /// Shows what it takes now.
    pub(super) fn show(&self, usage: &StoreUsage) {
        self.snapshot_index.set(usage.snapshot_index);
        self.snapshot_bytes.set(usage.snapshot_bytes);
        self.snapshot_seconds.set(usage.snapshot_took.as_secs_f64());
        self.log_entries.set(usage.log_entries);
        self.log_bytes.set(usage.log_bytes);
        self.store_bytes.set(usage.disk_bytes);
    }
}
