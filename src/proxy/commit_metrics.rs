//! How long commits take, shown at `/metrics`: the routing store measures them, and knows nothing of metrics.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use warren_raft::RoutingStore;

/// The commits of this proxy's own commands.
#[derive(Debug)]
pub(super) struct CommitMetrics {
    pub(super) store: RoutingStore,
}

impl Collector for CommitMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let times = self.store.commit_times();
        let mut buckets: Vec<_> = times.buckets.iter().map(|(bound, count)| (bound.as_secs_f64(), *count)).collect();
        buckets.push((f64::INFINITY, times.longer));
        let count = buckets.iter().map(|(_, count)| count).sum();
        let help = "How long commands of this proxy took until they were committed and applied here";
        let mut metric = encoder.encode_descriptor("warren_raft_commit", help, Some(&Unit::Seconds), MetricType::Histogram)?;
        metric.encode_histogram::<NoLabelSet>(times.sum.as_secs_f64(), count, &buckets, None)
    }
}
