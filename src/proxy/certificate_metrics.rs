//! What becomes of certificates, shown at `/metrics`.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// What can become of a renewal.
const RENEWED: &str = "renewed";
const FAILED: &str = "failed";

/// Renewals and refusals. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct CertificateMetrics {
    renewals: Family<Labels, Counter>,
    revoked: Gauge<u64, AtomicU64>,
    cut: Counter,
    rotating: Gauge<u64, AtomicU64>,
    expiring: Gauge<u64, AtomicU64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: &'static str,
}

impl CertificateMetrics {
    /// Counters in `registry`.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        // Shown from the beginning, so that nobody has to guess what they will be called.
        for outcome in [RENEWED, FAILED] {
            drop(metrics.renewals.get_or_create(&Labels { outcome }));
        }
        registry.register("certificate_renewals", "Renewals of this proxy's own certificate by outcome", metrics.renewals.clone());
        registry.register("certificates_revoked", "Single certificates that are refused now", metrics.revoked.clone());
        registry.register("certificate_connections_cut", "Connections cut here since their certificate was revoked", metrics.cut.clone());
        registry.register("ca_rotating", "1 while the certificate authority is being rotated", metrics.rotating.clone());
        let expiring = "Agents and clients connected here whose certificate ought to have been renewed a while ago";
        registry.register("certificates_expiring", expiring, metrics.expiring.clone());
        metrics
    }

    /// This proxy has a new certificate.
    pub(super) fn renewed(&self) {
        self.renewals.get_or_create(&Labels { outcome: RENEWED }).inc();
    }

    /// It has none.
    pub(super) fn renewal_failed(&self) {
        self.renewals.get_or_create(&Labels { outcome: FAILED }).inc();
    }

    /// A connection was cut.
    pub(super) fn cut(&self) {
        self.cut.inc();
    }

    /// How many certificates are refused, whether a rotation is under way, and how many machines are late to renew.
    pub(super) fn sample(&self, revoked: u64, rotating: bool, expiring: u64) {
        self.revoked.set(revoked);
        self.rotating.set(u64::from(rotating));
        self.expiring.set(expiring);
    }
}
