//! What is counted of dials, shown at `/metrics`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::failure::Code;

/// The shortest bucket, and how many there are, each twice as long as the one before: up to 16 s.
const SHORTEST: f64 = 0.000_5;
const BUCKETS: u16 = 16;

/// A part of a dial that is measured by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DialStage {
    /// All of one that connected, from the client's request to the answer.
    Whole,
    /// Until the leader has confirmed the table, where the own one does not lead anywhere.
    Confirm,
    /// A try over a tunnel of this proxy, until its agent answers.
    Local,
    /// A try at a peer, until it answers.
    Peer,
    /// A peer's dial over a tunnel of this proxy, until it is answered.
    Owner,
}

impl DialStage {
    const ALL: [Self; 5] = [Self::Whole, Self::Confirm, Self::Local, Self::Peer, Self::Owner];

    /// The label.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Confirm => "confirm",
            Self::Local => "local",
            Self::Peer => "peer",
            Self::Owner => "owner",
        }
    }
}

/// By which way a dial connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DialPath {
    /// Over a tunnel of this proxy.
    Local,
    /// Over a peer's.
    Peer,
    /// It has not.
    Nowhere,
}

impl DialPath {
    fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Peer => "peer",
            Self::Nowhere => "none",
        }
    }
}

/// The dials of a proxy. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct DialMetrics {
    outcomes: Family<OutcomeLabels, Counter>,
    seconds: Family<StageLabels, Histogram, fn() -> Histogram>,
    sums: Arc<[AtomicU64; 2]>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
    path: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabels {
    stage: &'static str,
}

impl DialMetrics {
    /// Counters in `registry`. What there can be of stages and of ways that connect is shown from the beginning.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(exponential_buckets(SHORTEST, 2.0, BUCKETS));
        let metrics = Self { outcomes: Family::default(), seconds: Family::new_with_constructor(histogram), sums: Arc::default() };
        for path in [DialPath::Local, DialPath::Peer] {
            drop(metrics.outcome(None, path));
        }
        for stage in DialStage::ALL {
            drop(metrics.seconds.get_or_create(&StageLabels { stage: stage.as_str() }));
        }
        let outcomes = "Dials of this proxy's clients by outcome, `connected` or the code of the failure, and by path: local, peer, none";
        registry.register("dials", outcomes, metrics.outcomes.clone());
        let took = "How long dials and their parts took that were answered, by stage: whole, confirm, local, peer, owner";
        registry.register_with_unit("dial", took, Unit::Seconds, metrics.seconds.clone());
        metrics
    }

    /// A dial of a client has ended: it connected, or failed with a code.
    pub(super) fn ended(&self, failed: Option<Code>, path: DialPath) {
        self.outcome(failed, path).inc();
        self.sums[usize::from(failed.is_some())].fetch_add(1, Ordering::Relaxed);
    }

    /// A part of a dial has been answered.
    pub(super) fn took(&self, stage: DialStage, took: Duration) {
        self.seconds.get_or_create(&StageLabels { stage: stage.as_str() }).observe(took.as_secs_f64());
    }

    /// How many have connected, and how many have failed.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.sums[0].load(Ordering::Relaxed), self.sums[1].load(Ordering::Relaxed))
    }

    fn outcome(&self, failed: Option<Code>, path: DialPath) -> Counter {
        let outcome = failed.map_or("connected", Code::as_str);
        self.outcomes.get_or_create(&OutcomeLabels { outcome, path: path.as_str() }).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dials_are_counted_by_outcome_and_path() {
        let mut registry = Registry::default();
        let metrics = DialMetrics::register(&mut registry);
        metrics.ended(None, DialPath::Peer);
        metrics.ended(Some(Code::Denied), DialPath::Nowhere);
        metrics.took(DialStage::Whole, Duration::from_millis(3));
        assert_eq!(metrics.counts(), (1, 1));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("written");
        for line in [
            r#"dials_total{outcome="connected",path="local"} 0"#,
            r#"dials_total{outcome="connected",path="peer"} 1"#,
            r#"dials_total{outcome="denied",path="none"} 1"#,
            r#"dial_seconds_count{stage="whole"} 1"#,
            r#"dial_seconds_bucket{le="0.002",stage="whole"} 0"#,
            r#"dial_seconds_bucket{le="0.004",stage="whole"} 1"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
    }
}
