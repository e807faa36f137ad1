//! What a machine says of its credentials, and what it makes of the authorities that it is told.

use rustls::pki_types::CertificateDer;

use super::authority_key::AuthorityKey;
use super::credentials::{Credentials, CredentialsError, MAX_AUTHORITIES};
use super::fingerprint::fingerprint;
use crate::wire::{Authorities, Holdings};

impl Credentials {
    /// What this machine presents, and whom it trusts.
    pub fn holdings(&self) -> Holdings {
        Holdings {
            serial: self.serial(),
            expires_at: self.not_after(),
            lifetime_ms: u64::try_from(self.lifetime().as_millis()).unwrap_or(u64::MAX),
            issuer: self.issuer().map(|issuer| fingerprint(issuer)),
            trusted: self.authorities().iter().map(|authority| fingerprint(authority)).collect(),
        }
    }

    /// The same machine, trusting these authorities; `None` if it does already, in this order.
    ///
    /// # Errors
    /// If they are none, too many, or one of them is no authority. The machine then goes on trusting whom it trusts.
    pub fn told(&self, authorities: &Authorities) -> Result<Option<Self>, CredentialsError> {
        let count = authorities.certificates.len();
        let told: Vec<_> = authorities
            .certificates
            .iter()
            .take(MAX_AUTHORITIES + 1)
            .map(|certificate| CertificateDer::from(certificate.clone()))
            .collect();
        if told.iter().any(|certificate| AuthorityKey::of_authority(certificate).is_none()) {
            return Err(CredentialsError::Authorities(count));
        }
        if told == self.authorities() { Ok(None) } else { self.clone().trusting(told).map(Some) }
    }
}
