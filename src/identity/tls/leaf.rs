//! The leaf of a handshake: first that it chains, then whom it names.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{CertificateError, OtherError};
use warren_raft::{ClusterId, KeyHash, ProxyId, Serial, Timestamp};
use webpki::{EndEntityCert, KeyUsage};

use super::provider::provider;
use crate::identity::fingerprint::key_hash;
use crate::identity::policy::Refusal;
use crate::identity::uri::{Identity, IdentityError, Role};

/// Whom a certificate names, and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// The identity in its one URI.
    pub identity: Identity,
    /// The hash of its public key.
    pub key: KeyHash,
    /// Its serial number.
    pub serial: Serial,
}

impl Leaf {
    /// Reads a certificate that was proved elsewhere: this checks neither chain nor dates.
    ///
    /// # Errors
    /// If it is damaged or does not name exactly one identity.
    pub fn read(certificate: &CertificateDer<'_>) -> Result<Self, LeafError> {
        let parsed = EndEntityCert::try_from(certificate).map_err(|_| LeafError::Damaged)?;
        Self::of(&parsed)
    }

    /// Proves that `certificate` was issued by one of `authorities` for this side of a handshake and is valid at `now`, and then reads it.
    pub(super) fn prove(
        certificate: &CertificateDer<'_>,
        authorities: &[CertificateDer<'_>],
        now: UnixTime,
        usage: KeyUsage,
    ) -> Result<Self, rustls::Error> {
        let parsed = EndEntityCert::try_from(certificate).map_err(chain_error)?;
        let anchors = authorities.iter().map(webpki::anchor_from_trusted_cert).collect::<Result<Vec<_>, _>>().map_err(chain_error)?;
        let algorithms = provider().signature_verification_algorithms;
        // No intermediates: an authority signs leaves itself, and whatever else was presented must play no part.
        parsed.verify_for_usage(algorithms.all, &anchors, &[], now, usage, None, None).map_err(chain_error)?;
        Self::of(&parsed).map_err(|error| Mismatch::Leaf(error).into())
    }

    /// As a server does with the certificate of whoever shakes hands, by itself; for fuzzers.
    ///
    /// # Errors
    /// Why it is refused, in words.
    pub fn judged(certificate: &CertificateDer<'_>, authority: &CertificateDer<'_>, at: Timestamp) -> Result<Self, String> {
        let at = UnixTime::since_unix_epoch(Duration::from_millis(at.0));
        Self::prove(certificate, std::slice::from_ref(authority), at, KeyUsage::client_auth()).map_err(|error| error.to_string())
    }

    fn of(certificate: &EndEntityCert<'_>) -> Result<Self, LeafError> {
        let mut names = certificate.valid_uri_names();
        let (Some(name), None) = (names.next(), names.next()) else { return Err(LeafError::Names) };
        Ok(Self { identity: name.parse()?, key: key_hash(&certificate.subject_public_key_info()), serial: serial(certificate.serial()) })
    }

    /// Whether it is of the right cluster and role.
    pub(super) fn must_be(&self, cluster: ClusterId, role: Role) -> Result<(), Mismatch> {
        if self.identity.cluster != cluster {
            return Err(Mismatch::Cluster(self.identity.cluster));
        }
        if self.identity.role != role {
            return Err(Mismatch::Role { expected: role, found: self.identity.role });
        }
        Ok(())
    }
}

/// Who is at the other end of an established connection, by the leaf that the handshake proved; `None` where it asked for no
/// certificate.
pub fn peer_identity(connection: &quinn::Connection) -> Option<(Identity, KeyHash)> {
    let leaf = connection.peer_identity()?.downcast::<Leaf>().ok()?;
    Some((leaf.identity, leaf.key))
}

/// The serial number of the leaf with which the other end of an established connection has proved who it is.
pub fn peer_serial(connection: &quinn::Connection) -> Option<Serial> {
    Some(connection.peer_identity()?.downcast::<Leaf>().ok()?.serial)
}

/// Our authorities' numbers have 16 bytes; of others, which do not chain, the last ones do.
fn serial(bytes: &[u8]) -> Serial {
    let mut serial = [0; 16];
    let from = bytes.len().saturating_sub(serial.len());
    serial.iter_mut().rev().zip(bytes[from..].iter().rev()).for_each(|(to, byte)| *to = *byte);
    Serial(serial)
}

/// Why a certificate names nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeafError {
    /// Not a certificate.
    #[error("the certificate is damaged")]
    Damaged,
    /// No name, or more than one.
    #[error("the certificate does not name exactly one identity")]
    Names,
    /// The name is no identity.
    #[error("the certificate names no identity: {0}")]
    Identity(#[from] IdentityError),
}

/// A certificate that chains, of somebody else than the one that is needed here.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Mismatch {
    #[error(transparent)]
    Leaf(LeafError),
    #[error("it is of the cluster `{0}`")]
    Cluster(ClusterId),
    #[error("it is of the role `{found}`, not `{expected}`")]
    Role { expected: Role, found: Role },
    #[error("it is of proxy {found}, not of proxy {expected}")]
    Proxy { expected: ProxyId, found: String },
    #[error("the authority it came with is not the one the token names")]
    Fingerprint,
    #[error("no protocol was offered")]
    NoProtocol,
    #[error("the protocol takes no certificate")]
    Unasked,
    #[error("{0}")]
    Refused(Refusal),
    #[error("its certificate is revoked")]
    PeerCertificate,
}

/// rustls shows the errors of others by `Debug` only.
impl fmt::Debug for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Mismatch> for rustls::Error {
    fn from(mismatch: Mismatch) -> Self {
        // The refusals that TLS has an alert for.
        if matches!(mismatch, Mismatch::Refused(Refusal::Revoked | Refusal::Certificate)) {
            return CertificateError::Revoked.into();
        }
        // A proxy that is refused as revoked takes itself for removed. This one is to get itself another certificate.
        if mismatch == Mismatch::PeerCertificate {
            return CertificateError::Expired.into();
        }
        CertificateError::Other(OtherError(Arc::new(mismatch))).into()
    }
}

/// Each cause with the alert that TLS has for it.
#[expect(clippy::wildcard_enum_match_arm, reason = "webpki's errors are non-exhaustive, and all others mean that the certificate is bad")]
fn chain_error(error: webpki::Error) -> rustls::Error {
    match error {
        webpki::Error::CertExpired { time, not_after } => CertificateError::ExpiredContext { time, not_after },
        webpki::Error::CertNotValidYet { time, not_before } => CertificateError::NotValidYetContext { time, not_before },
        webpki::Error::UnknownIssuer | webpki::Error::InvalidSignatureForPublicKey => CertificateError::UnknownIssuer,
        webpki::Error::BadDer | webpki::Error::BadDerTime | webpki::Error::TrailingData(_) => CertificateError::BadEncoding,
        webpki::Error::CaUsedAsEndEntity => CertificateError::UnknownIssuer,
        other => CertificateError::Other(OtherError(Arc::new(other))),
    }
    .into()
}
