//! What this process uses of its machine, shown at `/metrics`. Where the system does not tell, zeros.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::net::ProcessUsage;

/// What is read off the system at each scrape.
#[derive(Clone, Debug, Default)]
pub(super) struct ProcessMetrics {
    resident: Gauge<u64, AtomicU64>,
    open_fds: Gauge<u64, AtomicU64>,
    max_fds: Gauge<u64, AtomicU64>,
    threads: Gauge<u64, AtomicU64>,
    cpu: Counter<f64, AtomicU64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
}

impl ProcessMetrics {
    /// All of them in `registry`, at zero.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("build", "Which version of warren this is", Info::new(BuildLabels { version: env!("CARGO_PKG_VERSION") }));
        let registry = registry.sub_registry_with_prefix("process");
        registry.register_with_unit("resident_memory", "Memory of this process that is in RAM", Unit::Bytes, metrics.resident.clone());
        registry.register("open_fds", "Descriptors that are open", metrics.open_fds.clone());
        registry.register("max_fds", "Descriptors that may be open", metrics.max_fds.clone());
        registry.register("threads", "Threads of this process", metrics.threads.clone());
        registry.register_with_unit(
            "cpu",
            "Processor time that this process has used, its own and the kernel's for it",
            Unit::Seconds,
            metrics.cpu.clone(),
        );
        metrics
    }

    /// Shows what is used now.
    pub(super) fn show(&self, usage: &ProcessUsage) {
        self.resident.set(usage.resident_bytes);
        self.open_fds.set(usage.open_fds);
        self.max_fds.set(usage.max_fds);
        self.threads.set(usage.threads);
        let grown = usage.cpu.as_secs_f64() - self.cpu.get();
        if grown > 0.0 {
            self.cpu.inc_by(grown);
        }
    }
}
