//! Certificates for relays that prove to each other who they are.

use anyhow::Context;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde::{Deserialize, Serialize};

/// The name in every certificate.
pub(super) const NAME: &str = "relay.invalid";

/// An authority of one chain of relays.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

/// A relay's certificate with its key and whom it trusts, as PEM.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// Its certificate.
    pub(super) certificate: String,
    /// Its key, which is worth nothing outside of the benchmark.
    pub(super) key: String,
    /// The authority's certificate.
    pub(super) authority: String,
}

impl Authority {
    /// Makes one, on the same curve as warren's.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let key = KeyPair::generate().context("no key")?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).context("no authority")?.pem();
        Ok(Self { issuer: Issuer::new(params, key), certificate })
    }

    /// Makes the identity of a relay.
    pub(crate) fn issue(&self) -> anyhow::Result<Identity> {
        let key = KeyPair::generate().context("no key")?;
        let params = CertificateParams::new([NAME.to_owned()]).context("a name")?;
        let certificate = params.signed_by(&key, &self.issuer).context("no certificate")?.pem();
        Ok(Identity { certificate, key: key.serialize_pem(), authority: self.certificate.clone() })
    }
}
