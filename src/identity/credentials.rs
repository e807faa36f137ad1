//! What a machine presents: its certificate, its key and the authority it trusts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use warren_raft::{KeyHash, Timestamp};

use super::key::MachineKey;
use super::tls::leaf::{Leaf, LeafError};
use super::tls::provider;
use super::uri::Identity;
use crate::net::Env;

/// A machine's identity and the means to prove it. Certificate and key belong together and name one identity: whoever has this
/// value need not check again. That the authority did sign the certificate is for the others to check, in every handshake.
#[derive(Clone)]
pub struct Credentials {
    identity: Identity,
    leaf: CertificateDer<'static>,
    ca: CertificateDer<'static>,
    key: MachineKey,
    validity: (Timestamp, Timestamp),
}

impl Credentials {
    /// Puts together what a machine has after its enrolment.
    ///
    /// # Errors
    /// If the certificate is damaged, names no identity or belongs to another key.
    pub fn new(leaf: CertificateDer<'static>, ca: CertificateDer<'static>, key: MachineKey) -> Result<Self, CredentialsError> {
        let Leaf { identity, key: leaf_key } = Leaf::read(&leaf)?;
        if leaf_key != key.key_hash() {
            return Err(CredentialsError::OtherKey);
        }
        let validity = validity(&leaf).ok_or(CredentialsError::Validity)?;
        Ok(Self { identity, leaf, ca, key, validity })
    }

    /// Who the machine is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The leaf certificate.
    pub fn leaf(&self) -> &CertificateDer<'static> {
        &self.leaf
    }

    /// The leaf and the authority's certificate, as a machine that enrols is shown them: it checks the latter by its token.
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.leaf.clone(), self.ca.clone()]
    }

    /// The certificate of the cluster's authority.
    pub fn ca(&self) -> &CertificateDer<'static> {
        &self.ca
    }

    /// The machine's key.
    pub fn key(&self) -> &MachineKey {
        &self.key
    }

    /// The hash of the machine's public key.
    pub fn key_hash(&self) -> KeyHash {
        self.key.key_hash()
    }

    /// When the certificate ceases to be valid.
    pub fn not_after(&self) -> Timestamp {
        self.validity.1
    }

    /// How much longer the certificate is valid; zero once it has expired.
    pub fn remaining(&self, now: Timestamp) -> Duration {
        Duration::from_millis(self.validity.1.0.saturating_sub(now.0))
    }

    /// When the certificate should be renewed: at two thirds of its life.
    pub fn renew_at(&self) -> Timestamp {
        let (from, until) = self.validity;
        Timestamp(from.0 + until.0.saturating_sub(from.0) / 3 * 2)
    }

    /// The same machine with a renewed certificate, DER.
    ///
    /// # Errors
    /// If the certificate is damaged, or another identity's or key's.
    pub fn with_certificate(&self, certificate: &[u8]) -> Result<Self, CredentialsError> {
        let renewed = Self::new(CertificateDer::from(certificate.to_vec()), self.ca.clone(), self.key.clone())?;
        if renewed.identity == self.identity { Ok(renewed) } else { Err(CredentialsError::OtherIdentity(renewed.identity)) }
    }

    fn certified(&self, chain: Vec<CertificateDer<'static>>) -> Result<Arc<CertifiedKey>, rustls::Error> {
        CertifiedKey::from_der(chain, self.key.private_key(), &provider()).map(Arc::new)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("identity", &self.identity).field("key", &self.key).finish_non_exhaustive()
    }
}

/// Credentials that endpoints share and that a renewal replaces while they run. New handshakes use the new certificate, connections
/// that exist go on. Clones share one value.
#[derive(Clone)]
pub struct CredentialsHandle(Arc<ArcSwap<Presented>>);

/// Credentials in the forms that rustls wants, made once and not per handshake.
struct Presented {
    credentials: Credentials,
    chain: Arc<CertifiedKey>,
    leaf: Arc<CertifiedKey>,
}

impl CredentialsHandle {
    /// Shares `credentials`.
    ///
    /// # Errors
    /// If the TLS library refuses the key.
    pub fn new(credentials: Credentials) -> Result<Self, CredentialsError> {
        Ok(Self(Arc::new(ArcSwap::from_pointee(Presented::new(credentials)?))))
    }

    /// The credentials as they are now.
    pub fn current(&self) -> Credentials {
        self.0.load().credentials.clone()
    }

    /// Who the machine is; a renewal does not change it.
    pub fn identity(&self) -> Identity {
        self.0.load().credentials.identity.clone()
    }

    /// Replaces the credentials by renewed ones.
    ///
    /// # Errors
    /// If they are another machine's, or the TLS library refuses the key. The old ones then stay.
    pub fn replace(&self, credentials: Credentials) -> Result<(), CredentialsError> {
        if credentials.identity != self.identity() {
            return Err(CredentialsError::OtherIdentity(credentials.identity));
        }
        self.0.store(Arc::new(Presented::new(credentials)?));
        Ok(())
    }

    /// Leaf and authority, for whoever does not know the authority yet.
    pub(super) fn with_authority(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0.load().chain)
    }

    /// The leaf alone, for whoever knows the authority.
    pub(super) fn alone(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0.load().leaf)
    }

    /// The certificate of the authority that is trusted now.
    pub(super) fn ca(&self) -> CertificateDer<'static> {
        self.0.load().credentials.ca.clone()
    }
}

impl Presented {
    fn new(credentials: Credentials) -> Result<Self, CredentialsError> {
        let chain = credentials.certified(credentials.chain())?;
        let leaf = credentials.certified(vec![credentials.leaf.clone()])?;
        Ok(Self { credentials, chain, leaf })
    }
}

impl fmt::Debug for CredentialsHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.load().credentials.fmt(f)
    }
}

/// How long until the credentials should be renewed; zero once they should be.
pub fn renew_in(credentials: &Credentials, env: &Env) -> Duration {
    Duration::from_millis(credentials.renew_at().0.saturating_sub(env.wall.now().0))
}

fn validity(certificate: &CertificateDer<'_>) -> Option<(Timestamp, Timestamp)> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let millis = |seconds: i64| u64::try_from(seconds).unwrap_or(0).saturating_mul(1000);
    let validity = parsed.validity();
    Some((Timestamp(millis(validity.not_before.timestamp())), Timestamp(millis(validity.not_after.timestamp()))))
}

/// Why credentials are none.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CredentialsError {
    /// The certificate names no identity.
    #[error(transparent)]
    Leaf(#[from] LeafError),
    /// The certificate is another key's.
    #[error("the certificate does not belong to the key")]
    OtherKey,
    /// The certificate's dates are unreadable.
    #[error("the certificate's dates cannot be read")]
    Validity,
    /// A renewal came with somebody else's certificate.
    #[error("the renewed certificate is for `{0}`")]
    OtherIdentity(Identity),
    /// The TLS library refuses certificate or key.
    #[error("the tls library refuses the key: {0}")]
    Tls(#[from] rustls::Error),
}
