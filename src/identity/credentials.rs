//! What a machine presents: its certificate, its key and the authorities it trusts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use tokio::sync::watch;
use warren_raft::{KeyHash, Serial, Timestamp};

use super::authority::BACKDATED;
use super::authority_key::AuthorityKey;
use super::fingerprint::fingerprint;
use super::key::MachineKey;
use super::tls::leaf::{Leaf, LeafError};
use super::uri::Identity;

/// Most authorities that are trusted at once: a rotation has two.
pub const MAX_AUTHORITIES: usize = 4;

/// A machine's identity and the means to prove it. Certificate and key belong together and name one identity: whoever has this
/// value need not check again. That the authority did sign the certificate is for the others to check, in every handshake.
#[derive(Clone)]
pub struct Credentials {
    identity: Identity,
    leaf: CertificateDer<'static>,
    trusted: Vec<CertificateDer<'static>>,
    key: MachineKey,
    validity: (Timestamp, Timestamp),
    serial: Serial,
    issuer: Option<AuthorityKey>,
}

impl Credentials {
    /// Puts together what a machine has after its enrolment.
    ///
    /// # Errors
    /// If the certificate is damaged, names no identity or belongs to another key.
    pub fn new(leaf: CertificateDer<'static>, ca: CertificateDer<'static>, key: MachineKey) -> Result<Self, CredentialsError> {
        let Leaf { identity, key: leaf_key, serial } = Leaf::read(&leaf)?;
        if leaf_key != key.key_hash() {
            return Err(CredentialsError::OtherKey);
        }
        let validity = validity(&leaf).ok_or(CredentialsError::Validity)?;
        let issuer = AuthorityKey::of_issuer(&leaf);
        Ok(Self { identity, leaf, trusted: vec![ca], key, validity, serial, issuer })
    }

    /// The same machine, trusting these authorities, the one that issues now first.
    ///
    /// # Errors
    /// If they are none, or more than [`MAX_AUTHORITIES`].
    pub fn trusting(self, trusted: Vec<CertificateDer<'static>>) -> Result<Self, CredentialsError> {
        if (1..=MAX_AUTHORITIES).contains(&trusted.len()) {
            Ok(Self { trusted, ..self })
        } else {
            Err(CredentialsError::Authorities(trusted.len()))
        }
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
        vec![self.leaf.clone(), self.ca().clone()]
    }

    /// The certificate of the authority that issued the leaf, as far as that is trusted.
    pub fn ca(&self) -> &CertificateDer<'static> {
        self.issuer().unwrap_or_else(|| self.trusted.first().expect("there is one, since it was made"))
    }

    /// The certificate of the authority that issued the leaf; `None` if it is not one of those that are trusted.
    pub fn issuer(&self) -> Option<&CertificateDer<'static>> {
        self.trusted.iter().find(|ca| self.issuer.is_some() && AuthorityKey::of_authority(ca) == self.issuer)
    }

    /// The certificates of the authorities that are trusted, the one that issues now first.
    pub fn authorities(&self) -> &[CertificateDer<'static>] {
        &self.trusted
    }

    /// Whether the authority that issues now has issued the leaf.
    pub fn is_of_issuing_authority(&self) -> bool {
        self.trusted.first() == self.issuer()
    }

    /// The certificate's serial number.
    pub fn serial(&self) -> Serial {
        self.serial
    }

    /// The machine's key.
    pub fn key(&self) -> &MachineKey {
        &self.key
    }

    /// The hash of the machine's public key.
    pub fn key_hash(&self) -> KeyHash {
        self.key.key_hash()
    }

    /// When the certificate begins to be valid: a while before it was issued.
    pub fn not_before(&self) -> Timestamp {
        self.validity.0
    }

    /// When the certificate ceases to be valid.
    pub fn not_after(&self) -> Timestamp {
        self.validity.1
    }

    /// How much longer the certificate is valid; zero once it has expired.
    pub fn remaining(&self, now: Timestamp) -> Duration {
        Duration::from_millis(self.validity.1.0.saturating_sub(now.0))
    }

    /// How long the certificate was to live when it was issued.
    pub fn lifetime(&self) -> Duration {
        let (from, until) = self.validity;
        Duration::from_millis(until.0.saturating_sub(from.0)).saturating_sub(BACKDATED)
    }

    /// When the certificate should be renewed: at two thirds of its life.
    pub fn renew_at(&self) -> Timestamp {
        let third = u64::try_from(self.lifetime().as_millis() / 3).unwrap_or(u64::MAX);
        Timestamp(self.validity.1.0.saturating_sub(third))
    }

    /// The same machine with a renewed certificate, DER.
    ///
    /// # Errors
    /// If the certificate is damaged, or another identity's or key's.
    pub fn with_certificate(&self, certificate: &[u8]) -> Result<Self, CredentialsError> {
        let renewed =
            Self::new(CertificateDer::from(certificate.to_vec()), self.ca().clone(), self.key.clone())?.trusting(self.trusted.clone())?;
        if renewed.identity == self.identity { Ok(renewed) } else { Err(CredentialsError::OtherIdentity(renewed.identity)) }
    }

    fn certified(&self, chain: Vec<CertificateDer<'static>>) -> Result<Arc<CertifiedKey>, rustls::Error> {
        self.key.certified(chain)
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
pub struct CredentialsHandle(Arc<Shared>);

struct Shared {
    presented: ArcSwap<Presented>,
    /// Counts replacements.
    replaced: watch::Sender<u64>,
}

/// Credentials in the forms that rustls wants, made once and not per handshake.
struct Presented {
    credentials: Credentials,
    leaf: Arc<CertifiedKey>,
    /// Leaf and authority, by the first bytes of the authority's fingerprint; the one that issues now first.
    entrances: Vec<([u8; 16], Arc<CertifiedKey>)>,
}

impl CredentialsHandle {
    /// Shares `credentials`.
    ///
    /// # Errors
    /// If the TLS library refuses the key.
    pub fn new(credentials: Credentials) -> Result<Self, CredentialsError> {
        Ok(Self(Arc::new(Shared { presented: ArcSwap::from_pointee(Presented::new(credentials, &[])?), replaced: watch::Sender::new(0) })))
    }

    /// The credentials as they are now.
    pub fn current(&self) -> Credentials {
        self.0.presented.load().credentials.clone()
    }

    /// Who the machine is; a renewal does not change it.
    pub fn identity(&self) -> Identity {
        self.0.presented.load().credentials.identity.clone()
    }

    /// Changes whenever the credentials are replaced.
    pub fn replaced(&self) -> watch::Receiver<u64> {
        self.0.replaced.subscribe()
    }

    /// Replaces the credentials by renewed ones.
    ///
    /// # Errors
    /// If they are another machine's, or the TLS library refuses the key. The old ones then stay.
    pub fn replace(&self, credentials: Credentials) -> Result<(), CredentialsError> {
        self.replace_with(credentials, &[])
    }

    /// The same for a proxy that has certificates of other authorities beside its own: machines that enrol are shown the one of the authority that their
    /// token names.
    ///
    /// # Errors
    /// As [`replace`](Self::replace).
    pub fn replace_with(&self, credentials: Credentials, others: &[Credentials]) -> Result<(), CredentialsError> {
        if credentials.identity != self.identity() {
            return Err(CredentialsError::OtherIdentity(credentials.identity));
        }
        self.0.presented.store(Arc::new(Presented::new(credentials, others)?));
        self.0.replaced.send_modify(|count| *count += 1);
        Ok(())
    }

    /// Leaf and authority, for whoever does not know the authority yet, but perhaps how its fingerprint begins; else those of the one that issues now.
    pub(super) fn with_authority(&self, fingerprint: Option<[u8; 16]>) -> Option<Arc<CertifiedKey>> {
        let presented = self.0.presented.load();
        let named = presented.entrances.iter().find(|(known, _)| Some(*known) == fingerprint);
        named.or(presented.entrances.first()).map(|(_, chain)| Arc::clone(chain))
    }

    /// The leaf alone, for whoever knows the authority.
    pub(super) fn alone(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0.presented.load().leaf)
    }

    /// Lets `judge` see the certificates of the authorities that are trusted now.
    pub(super) fn with_trusted<T>(&self, judge: impl FnOnce(&[CertificateDer<'static>]) -> T) -> T {
        judge(&self.0.presented.load().credentials.trusted)
    }
}

impl Presented {
    fn new(credentials: Credentials, others: &[Credentials]) -> Result<Self, CredentialsError> {
        let leaf = credentials.certified(vec![credentials.leaf.clone()])?;
        let mut entrances = Vec::new();
        for each in others.iter().chain([&credentials]) {
            let mut id = [0; 16];
            id.copy_from_slice(&fingerprint(each.ca())[..16]);
            let entrance = (id, each.certified(each.chain())?);
            // The one that issues now comes first: it will be there for longest.
            entrances.insert(if each.is_of_issuing_authority() { 0 } else { entrances.len() }, entrance);
        }
        Ok(Self { credentials, leaf, entrances })
    }
}

impl fmt::Debug for CredentialsHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.presented.load().credentials.fmt(f)
    }
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
    /// Nobody is trusted, or too many are.
    #[error("{0} authorities to trust, of 1 to {MAX_AUTHORITIES}")]
    Authorities(usize),
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
