//! What machines and proxies tell each other of certificates and of the authorities that are trusted. All of it is public.

use serde::{Deserialize, Serialize};
use warren_raft::{ProxyId, RotationPhase, Serial, Timestamp, TokenRole};

use super::Hello;
use crate::failure::Failure;
use crate::identity::fingerprint::fingerprint;

/// SHA-256 of an authority's certificate.
pub type Fingerprint = [u8; 32];

/// What a machine presents, and whom it trusts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holdings {
    /// Its certificate's serial number.
    pub serial: Serial,
    /// When its certificate ends.
    pub expires_at: Timestamp,
    /// How long its certificate was to live, in milliseconds.
    pub lifetime_ms: u64,
    /// The authority that issued it; `None` if that is none of those it trusts.
    pub issuer: Option<Fingerprint>,
    /// The authorities it trusts, the one that it takes for the issuing one first, at most [`MAX_AUTHORITIES`](crate::identity::MAX_AUTHORITIES).
    pub trusted: Vec<Fingerprint>,
}

/// The authorities that are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorities {
    /// How far the log was applied when this was said, at least: what a proxy that lags behind says is older.
    pub index: u64,
    /// Their certificates, DER, the one that issues now first.
    pub certificates: Vec<Vec<u8>>,
}

/// What a client that asks for the authorities is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuthoritiesReply {
    /// 0: they are others than the client knows.
    Authorities(#[serde(with = "super::record")] Authorities),
    /// 1: it gets no answer.
    Failed(Failure),
}

/// A client's question for the authorities, answered once they are others than it knows, and no sooner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthoritiesRequest {
    /// Versions and features.
    #[serde(with = "super::record")]
    pub hello: Hello,
    /// What the client has now.
    #[serde(with = "super::record")]
    pub holds: Holdings,
}

/// How a proxy and the machines that are connected to it stand to the authorities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateReport {
    /// How far the log was applied when this was said.
    pub index: u64,
    /// What the proxy itself presents, and whom it trusts.
    #[serde(with = "super::record")]
    pub own: Holdings,
    /// How long the certificates live that it issues, in milliseconds.
    pub lifetime_ms: u64,
    /// Why its own certificate was not renewed when it was last tried.
    pub failed: Option<String>,
    /// How many connections of agents and clients there are that have what is needed in this phase.
    pub ready: u64,
    /// The clients that have, by name, at most [`MAX_READY`].
    pub clients_ready: Vec<String>,
    /// How many connections of machines have not.
    pub lagging: u64,
    /// Some of those, at most [`MAX_LAGGING`].
    #[serde(with = "super::growing")]
    pub laggards: Vec<Machine>,
    /// For which rotation, by when it began, and which phase of it this was said.
    pub rotation: Option<(Timestamp, RotationPhase)>,
}

/// Most clients of one [`CertificateReport`].
pub const MAX_READY: usize = 2_000;
/// Most machines that lag of one [`CertificateReport`].
pub const MAX_LAGGING: usize = 20;
/// Most machines of an answer about live certificates.
pub const MAX_LIVE: usize = 10_000;

/// A machine that is connected to a proxy, and what it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// What it is.
    pub role: TokenRole,
    /// Its name; of a proxy, its id.
    pub name: String,
    /// The serial number of the certificate that its connection was made with.
    pub serial: Serial,
    /// What it says that it has; `None` of one that says nothing, since it runs an older version.
    pub holds: Option<Holdings>,
}

/// The certificates in use at a proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveCertificates {
    /// Which proxy says so.
    pub proxy: ProxyId,
    /// Whose they are, its own too; at most [`MAX_LIVE`].
    #[serde(with = "super::growing")]
    pub machines: Vec<Machine>,
}

impl Authorities {
    /// What they are known by, in their order.
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        self.certificates.iter().map(|certificate| fingerprint(certificate)).collect()
    }
}
