//! What a proxy counts, shown at `/metrics`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use warren_raft::StoreUsage;

use super::certificate_metrics::CertificateMetrics;
use super::dial_metrics::DialMetrics;
use super::process_metrics::ProcessMetrics;
use super::store_metrics::StoreMetrics;
use super::streams::{Streams, Why};
use super::tunnel_metrics::TunnelMetrics;
use crate::limits::Reached;
use crate::net::ProcessUsage;
use crate::net::relay::Relayed;
use crate::net::stalled::StalledCount;

/// The counters of one proxy. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Metrics {
    /// What became of the dials of this proxy's clients, and how long they took.
    dials: DialMetrics,
    /// Streams that run through this proxy now, as ingress or as owner.
    streams: Streams,
    /// What became of tunnels.
    tunnels: TunnelMetrics,
    /// What became of certificates.
    certificates: CertificateMetrics,
    /// Payload bytes from clients towards agents.
    sent_bytes: Counter,
    /// Payload bytes from agents towards clients.
    received_bytes: Counter,
    /// Streams that ended with a reset.
    resets: Counter,
    gauges: Gauges,
    store: StoreMetrics,
    stalled: StalledCount,
    reached: Reached,
    process: ProcessMetrics,
}

/// What is read off other parts at each scrape.
#[derive(Clone, Debug, Default)]
struct Gauges {
    streams_stalled: Gauge<u64, AtomicU64>,
    stalled_bytes: Gauge<u64, AtomicU64>,
    tunnels: Gauge<u64, AtomicU64>,
    peers_connected: Gauge<u64, AtomicU64>,
    data_connections: Gauge<u64, AtomicU64>,
    data_connections_missing: Gauge<u64, AtomicU64>,
    routes: Gauge<u64, AtomicU64>,
    applied_index: Gauge<u64, AtomicU64>,
    committed_index: Gauge<u64, AtomicU64>,
    last_log_index: Gauge<u64, AtomicU64>,
    lease_held: Gauge<u64, AtomicU64>,
    is_leader: Gauge<u64, AtomicU64>,
    term: Gauge<u64, AtomicU64>,
    missed_renewals: Gauge<u64, AtomicU64>,
    disk_writable: Gauge<u64, AtomicU64>,
    certificate_remaining: Gauge<u64, AtomicU64>,
}

/// The state at a scrape.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sample {
    /// Tunnels at this proxy.
    pub tunnels: u64,
    /// Peers with a live control connection.
    pub peers_connected: u64,
    /// Data connections to peers that live, and those that ought to.
    pub data_connections: (u64, u64),
    /// Valid routes in the table.
    pub routes: u64,
    /// The last entry applied.
    pub applied_index: u64,
    /// 1 while the lease is held.
    pub lease_held: u64,
    /// 1 while this proxy leads.
    pub is_leader: u64,
    /// Raft's term: each election begins a new one.
    pub term: u64,
    /// Renewals of the lease that were not answered in time.
    pub missed_renewals: u64,
    /// 1 while the store's disk takes writes.
    pub disk_writable: u64,
    /// How much longer the proxy's certificate is valid.
    pub certificate_remaining: Duration,
    /// What the routing store takes.
    pub store: StoreUsage,
    /// The last entry known to be committed.
    pub committed_index: u64,
    /// The last entry of the log.
    pub last_log_index: u64,
    /// Payload bytes that have moved over all streams, those that run too: to agents, and to clients.
    pub moved_bytes: [u64; 2],
    /// What this process uses of its machine.
    pub process: Option<ProcessUsage>,
}

impl Metrics {
    /// Counters under the prefix `warren_` in `registry`.
    pub(super) fn register(registry: &mut Registry, stalled: &StalledCount) -> Self {
        let registry = registry.sub_registry_with_prefix("warren");
        let metrics = Self {
            dials: DialMetrics::register(registry),
            streams: Streams::default(),
            tunnels: TunnelMetrics::register(registry),
            certificates: CertificateMetrics::register(registry),
            sent_bytes: Counter::default(),
            received_bytes: Counter::default(),
            resets: Counter::default(),
            gauges: Gauges::default(),
            store: StoreMetrics::register(registry),
            stalled: stalled.clone(),
            reached: Reached::default(),
            process: ProcessMetrics::register(registry),
        };
        metrics.reached.register(registry);
        registry.register("streams", "Streams that run through this proxy now", metrics.streams.running.clone());
        registry.register("streams_opened", "Streams that have begun to run through this proxy", metrics.streams.opened.clone());
        registry.register(
            "streams_cut",
            "Streams that were cut by this proxy, by reason: drain, stalled, denied",
            metrics.streams.cut.0.clone(),
        );
        registry.register("streams_stalled", "Streams whose readers do not read now", metrics.gauges.streams_stalled.clone());
        registry.register("stalled_bytes", "What they may hold in this process", metrics.gauges.stalled_bytes.clone());
        registry.register("sent_bytes", "Payload bytes from clients towards agents", metrics.sent_bytes.clone());
        registry.register("received_bytes", "Payload bytes from agents towards clients", metrics.received_bytes.clone());
        registry.register("stream_resets", "Streams that ended with a reset", metrics.resets.clone());
        registry.register("tunnels", "Tunnels that agents hold to this proxy", metrics.gauges.tunnels.clone());
        registry.register("peers_connected", "Peers with a live control connection", metrics.gauges.peers_connected.clone());
        registry.register("peer_data_connections", "Live connections to peers for dials", metrics.gauges.data_connections.clone());
        let missing = "Connections to peers for dials that this proxy keeps and that do not live now";
        registry.register("peer_data_connections_missing", missing, metrics.gauges.data_connections_missing.clone());
        registry.register("routes", "Valid routes in the table", metrics.gauges.routes.clone());
        registry.register("raft_applied_index", "The last log entry applied", metrics.gauges.applied_index.clone());
        registry.register("raft_committed_index", "The last log entry known to be committed", metrics.gauges.committed_index.clone());
        registry.register("raft_last_log_index", "The last entry of the log", metrics.gauges.last_log_index.clone());
        registry.register("lease_held", "1 while this proxy holds its lease", metrics.gauges.lease_held.clone());
        registry.register("disk_writable", "1 while the store's disk takes writes", metrics.gauges.disk_writable.clone());
        registry.register("raft_is_leader", "1 while this proxy leads the group", metrics.gauges.is_leader.clone());
        registry.register("raft_term", "Raft's term: each election begins a new one", metrics.gauges.term.clone());
        let missed = "Renewals of this proxy's lease that were not answered in time, since it was started";
        registry.register("lease_renewals_missed", missed, metrics.gauges.missed_renewals.clone());
        registry.register(
            "certificate_remaining_seconds",
            "How much longer this proxy's certificate is valid",
            metrics.gauges.certificate_remaining.clone(),
        );
        metrics
    }

    /// What became of dials.
    pub(super) fn dials(&self) -> &DialMetrics {
        &self.dials
    }

    /// The streams that run now.
    pub(super) fn streams(&self) -> &Streams {
        &self.streams
    }

    /// What is counted and said when a limit is reached.
    pub(super) fn reached(&self) -> &Reached {
        &self.reached
    }

    /// What became of tunnels.
    pub(super) fn tunnels(&self) -> &TunnelMetrics {
        &self.tunnels
    }

    /// What became of certificates.
    pub(super) fn certificates(&self) -> &CertificateMetrics {
        &self.certificates
    }

    /// Notes a stream that has ended.
    pub(super) fn relayed(&self, relayed: &Relayed) {
        if relayed.end != crate::net::relay::End::Whole {
            self.resets.inc();
        }
    }

    /// Sets what is read off other parts.
    pub(super) fn sample(&self, sample: &Sample) {
        self.gauges.streams_stalled.set(self.stalled.stalled());
        self.gauges.stalled_bytes.set(self.stalled.held_bytes());
        self.streams.cut.of(Why::Stalled).inner().fetch_max(self.stalled.cut(), Ordering::Relaxed);
        self.sent_bytes.inner().fetch_max(sample.moved_bytes[0], Ordering::Relaxed);
        self.received_bytes.inner().fetch_max(sample.moved_bytes[1], Ordering::Relaxed);
        self.store.show(&sample.store);
        sample.process.iter().for_each(|usage| self.process.show(usage));
        self.gauges.tunnels.set(sample.tunnels);
        self.gauges.peers_connected.set(sample.peers_connected);
        self.gauges.data_connections.set(sample.data_connections.0);
        self.gauges.data_connections_missing.set(sample.data_connections.1);
        self.gauges.routes.set(sample.routes);
        self.gauges.applied_index.set(sample.applied_index);
        self.gauges.committed_index.set(sample.committed_index);
        self.gauges.last_log_index.set(sample.last_log_index);
        self.gauges.lease_held.set(sample.lease_held);
        self.gauges.is_leader.set(sample.is_leader);
        self.gauges.term.set(sample.term);
        self.gauges.missed_renewals.set(sample.missed_renewals);
        self.gauges.disk_writable.set(sample.disk_writable);
        self.gauges.certificate_remaining.set(sample.certificate_remaining.as_secs());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_the_prefix() {
        let mut registry = Registry::default();
        Metrics::register(&mut registry, &StalledCount::default());
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("written");
        let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(samples.iter().all(|line| line.starts_with("warren_")), "{text}");
        for name in ["snapshot_index", "snapshot_bytes", "snapshot_duration_seconds", "log_entries", "log_bytes", "store_bytes"] {
            assert!(
                samples.contains(&format!("warren_raft_{name} 0").as_str())
                    || samples.contains(&format!("warren_raft_{name} 0.0").as_str()),
                "{name}: {text}"
            );
        }
    }
}
