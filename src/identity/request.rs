//! A signing request as the authority sees it: a public key whose owner proved to have the private one, and nothing else.

use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PublicKeyData, SubjectPublicKeyInfo};
use warren_raft::KeyHash;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;

use super::fingerprint::key_hash;

/// Longest request that is looked at; those of warren have some 200 bytes.
pub const MAX_REQUEST: usize = 4096;

/// A request that was signed with the key it is for. Whatever else the machine wrote into it is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningRequest {
    key: SubjectPublicKeyInfo,
}

impl SigningRequest {
    /// Reads a request in PKCS #10 DER and checks its signature.
    ///
    /// # Errors
    /// Why it cannot be trusted.
    pub fn parse(der: &[u8]) -> Result<Self, RequestError> {
        if der.len() > MAX_REQUEST {
            return Err(RequestError::TooLong(der.len()));
        }
        let (rest, request) = X509CertificationRequest::from_der(der).map_err(|_| RequestError::Garbled)?;
        if !rest.is_empty() {
            return Err(RequestError::Garbled);
        }
        let raw = request.certification_request_info.subject_pki.raw;
        let key = SubjectPublicKeyInfo::from_der(raw).map_err(|_| RequestError::Algorithm)?;
        if ![&PKCS_ECDSA_P256_SHA256, &PKCS_ED25519].contains(&key.algorithm()) {
            return Err(RequestError::Algorithm);
        }
        request.verify_signature().map_err(|_| RequestError::Signature)?;
        // The certificate will carry the key as rcgen writes it, so its hash must be that of the request too.
        if key.subject_public_key_info() == raw { Ok(Self { key }) } else { Err(RequestError::Garbled) }
    }

    /// The hash of the key that asks, equal to the one of the certificate it will get.
    pub fn key_hash(&self) -> KeyHash {
        key_hash(&self.key.subject_public_key_info())
    }

    pub(super) fn key(&self) -> &SubjectPublicKeyInfo {
        &self.key
    }
}

/// The hash of the key in a signing request.
///
/// # Errors
/// Why the request cannot be trusted.
pub fn key_hash_of_csr(der: &[u8]) -> Result<KeyHash, RequestError> {
    SigningRequest::parse(der).map(|request| request.key_hash())
}

/// Why a signing request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Longer than [`MAX_REQUEST`].
    #[error("the signing request has {0} bytes, more than {MAX_REQUEST}")]
    TooLong(usize),
    /// Not PKCS #10 in DER.
    #[error("the signing request is garbled")]
    Garbled,
    /// A kind of key that warren does not issue certificates for.
    #[error("the signing request's key is neither p-256 nor ed25519")]
    Algorithm,
    /// Not signed with its own key.
    #[error("the signing request is not signed with its own key")]
    Signature,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P384_SHA384};

    use super::*;
    use crate::identity::MachineKey;
    use crate::net::Entropy;

    #[test]
    fn only_intact_requests_of_known_keys_pass() {
        let csr = MachineKey::generate(&Entropy::os()).csr();
        assert!(SigningRequest::parse(&csr).is_ok());

        let mut forged = csr.clone();
        *forged.last_mut().expect("not empty") ^= 1;
        assert_eq!(SigningRequest::parse(&forged), Err(RequestError::Signature));

        let trailing = [&csr[..], &[0]].concat();
        assert_eq!(SigningRequest::parse(&trailing), Err(RequestError::Garbled));
        assert_eq!(SigningRequest::parse(&csr[..csr.len() - 1]), Err(RequestError::Garbled));
        assert_eq!(SigningRequest::parse(&[]), Err(RequestError::Garbled));
        assert_eq!(SigningRequest::parse(&[0; MAX_REQUEST + 1]), Err(RequestError::TooLong(MAX_REQUEST + 1)));

        let p384 = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("a key");
        let other = CertificateParams::default().serialize_request(&p384).expect("a request");
        assert_eq!(SigningRequest::parse(other.der()), Err(RequestError::Algorithm));
    }

    proptest! {
        #[test]
        fn a_changed_byte_never_changes_the_key(at in 0usize..200, by in 1u8..) {
            let key = MachineKey::generate(&Entropy::seeded(3));
            let mut csr = key.csr();
            let at = at % csr.len();
            csr[at] ^= by;
            // The parser takes some spellings of the unsigned envelope for DER that are not; what is signed cannot change.
            if let Ok(hash) = key_hash_of_csr(&csr) {
                prop_assert_eq!(hash, key.key_hash());
            }
        }

        #[test]
        fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(SigningRequest::parse(&bytes).is_err());
        }
    }
}
