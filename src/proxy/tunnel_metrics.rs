//! What is counted of tunnels beside how many there are.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// What became of tunnels. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct TunnelMetrics {
    /// Tunnels that went to other proxies in a drain.
    pub handed_over: Counter,
    /// Tunnels that went to proxies which held fewer.
    pub levelled: Counter,
    refused: Family<RefusedLabels, Counter>,
    /// Handshakes on the public port that were refused because too many were under way.
    pub handshakes_refused: Counter,
    /// Handshakes, on either UDP port, of which the address was to be proven first.
    pub handshakes_retried: Counter,
}

/// Why a tunnel was refused without anything being wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The proxy is draining.
    Draining,
    /// Too many are being registered.
    Busy,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabels {
    reason: &'static str,
}

impl TunnelMetrics {
    /// Counters in `registry`.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        // Shown from the beginning, so that nobody has to guess what they will be called.
        for why in [Refused::Draining, Refused::Busy] {
            drop(metrics.refusals(why));
        }
        registry.register("tunnels_handed_over", "Tunnels that went to other proxies in a drain", metrics.handed_over.clone());
        registry.register("tunnels_levelled", "Tunnels that went to proxies which held fewer", metrics.levelled.clone());
        registry.register("tunnels_refused", "Tunnels that were refused for now", metrics.refused.clone());
        registry.register("handshakes_refused", "Handshakes of agents and clients refused for now", metrics.handshakes_refused.clone());
        let retried = "Handshakes of anybody whose address was to be proven first (QUIC Retry)";
        registry.register("handshakes_retried", retried, metrics.handshakes_retried.clone());
        metrics
    }

    /// Notes a tunnel that was refused.
    pub(super) fn refused(&self, why: Refused) {
        self.refusals(why).inc();
    }

    fn refusals(&self, why: Refused) -> Counter {
        let reason = match why {
            Refused::Draining => "draining",
            Refused::Busy => "busy",
        };
        self.refused.get_or_create(&RefusedLabels { reason }).clone()
    }
}
