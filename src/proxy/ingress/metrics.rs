//! What is counted at the ways in.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use warren_raft::IngressKind;

use crate::ingress::Outcome;

/// What is counted at the ways in. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(in crate::proxy) struct IngressMetrics {
    connections: Family<Labels, Counter>,
    open: Family<Kind, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    ingress: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    ingress: &'static str,
}

/// A connection that is there, until it is dropped.
#[derive(Debug)]
pub(super) struct Open(Gauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl IngressMetrics {
    /// Shows them in `registry`.
    pub(in crate::proxy) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = registry.sub_registry_with_prefix("warren");
        let what = "Connections to the ways in for programs that know nothing of warren, by what became of them: `connected`, a failure's code, or why they were refused";
        registry.register("ingress_connections", what, metrics.connections.clone());
        registry.register("ingress_connections_open", "Connections to the ways in that are there now", metrics.open.clone());
        metrics
    }

    /// Shows a way in of this kind from now on, so that nobody has to guess what its counters will be called.
    pub(super) fn show(&self, kind: IngressKind) {
        drop(self.open.get_or_create(&Kind { ingress: kind.as_str() }));
        for outcome in Outcome::all() {
            drop(self.counter(kind, outcome));
        }
    }

    /// Counts a connection that is there.
    pub(super) fn open(&self, kind: IngressKind) -> Open {
        let open = self.open.get_or_create(&Kind { ingress: kind.as_str() }).clone();
        open.inc();
        Open(open)
    }

    /// Notes what became of a connection.
    pub(super) fn ended(&self, kind: IngressKind, outcome: Outcome) {
        self.counter(kind, outcome).inc();
    }

    fn counter(&self, kind: IngressKind, outcome: Outcome) -> Counter {
        self.connections.get_or_create(&Labels { ingress: kind.as_str(), outcome: outcome.as_str() }).clone()
    }
}
