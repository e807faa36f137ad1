//! A machine's own key pair, which never leaves the machine.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rcgen::{CertificateParams, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PublicKeyData, SignatureAlgorithm};
use ring::hkdf;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use warren_raft::KeyHash;
use zeroize::{Zeroize, Zeroizing};

use super::armour::pem;
use super::fingerprint::key_hash;
use super::store::StoreError;
use super::tls::provider;
use crate::net::{Access, Entropy, StateFiles};

/// An Ed25519 key in PKCS #8 up to its 32 bytes of secret (RFC 8410, section 7).
const ED25519_PREFIX: [u8; 16] = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// A private key: P-256, or Ed25519 where a simulation has to repeat itself.
pub struct MachineKey {
    pkcs8: Zeroizing<Vec<u8>>,
    pair: KeyPair,
}

impl MachineKey {
    /// Makes a key. ring takes P-256 keys and their signatures' nonces from the operating system only, so a seeded run gets an
    /// Ed25519 key made of its seed: its signatures need no randomness and always have the same length.
    pub fn generate(entropy: &Entropy) -> Self {
        if entropy.repeats() { Self::ed25519(&Zeroizing::new(entropy.bytes())) } else { Self::p256() }
    }

    /// Reads a key in PKCS #8 DER.
    ///
    /// # Errors
    /// [`KeyError`] for anything but P-256 and Ed25519.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, KeyError> {
        let der = PrivatePkcs8KeyDer::from(pkcs8);
        let pair = [&PKCS_ECDSA_P256_SHA256, &PKCS_ED25519]
            .into_iter()
            .find_map(|algorithm: &'static SignatureAlgorithm| KeyPair::from_pkcs8_der_and_sign_algo(&der, algorithm).ok())
            .ok_or(KeyError)?;
        Ok(Self { pkcs8: Zeroizing::new(pkcs8.to_vec()), pair })
    }

    /// Reads the key from a PEM file that only its owner can read.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub fn load(files: &dyn StateFiles, path: &Path) -> Result<Self, StoreError> {
        let pem = Zeroizing::new(files.read(path, Access::Secret)?);
        let damaged = || StoreError::Damaged { path: path.to_owned(), expected: "a private key (PKCS #8, P-256 or Ed25519)" };
        let der = PrivatePkcs8KeyDer::from_pem_slice(&pem).map_err(|_| damaged())?;
        let mut pkcs8 = der.secret_pkcs8_der().to_vec();
        let key = Self::from_pkcs8(&pkcs8).map_err(|_| damaged());
        pkcs8.zeroize();
        key
    }

    /// Writes the key to a PEM file that only its owner can read; the file is complete or absent, even after a power loss.
    ///
    /// # Errors
    /// Names the file.
    pub fn store(&self, files: &dyn StateFiles, path: &Path) -> Result<(), StoreError> {
        let pem = Zeroizing::new(pem("PRIVATE KEY", &self.pkcs8));
        Ok(files.replace(path, pem.as_bytes(), Access::Secret)?)
    }

    /// A signing request (PKCS #10, DER) for this key. It asks for nothing but a certificate: the authority decides every name in it.
    pub fn csr(&self) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let csr = params.serialize_request(&self.pair).expect("an empty request signed with a valid key always encodes");
        csr.der().to_vec()
    }

    /// The hash of the public key, by which the cluster knows the machine.
    pub fn key_hash(&self) -> KeyHash {
        key_hash(&self.pair.subject_public_key_info())
    }

    /// The key in PKCS #8 DER, wiped when dropped.
    pub fn pkcs8(&self) -> Zeroizing<Vec<u8>> {
        self.pkcs8.clone()
    }

    /// A secret of one purpose that is this machine's and outlives its process, such as that of a QUIC endpoint. It tells nothing about the key
    /// (HKDF, RFC 5869).
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let mut secret = Zeroizing::new([0; 32]);
        hkdf::Salt::new(hkdf::HKDF_SHA256, b"warren machine key")
            .extract(&self.pkcs8)
            .expand(&[purpose.as_bytes()], hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut *secret))
            .expect("32 bytes are within HKDF's bound");
        secret
    }

    /// The key with certificates for it, as rustls presents them.
    ///
    /// # Errors
    /// If the TLS library refuses the key.
    pub fn certified(&self, chain: Vec<CertificateDer<'static>>) -> Result<Arc<CertifiedKey>, rustls::Error> {
        CertifiedKey::from_der(chain, self.private_key(), &provider()).map(Arc::new)
    }

    pub(super) fn pair(&self) -> &KeyPair {
        &self.pair
    }

    pub(super) fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.pkcs8.to_vec()).into()
    }

    fn p256() -> Self {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a booted kernel always gives randomness");
        Self { pkcs8: Zeroizing::new(pair.serialize_der()), pair }
    }

    fn ed25519(seed: &[u8; 32]) -> Self {
        let pkcs8 = Zeroizing::new([&ED25519_PREFIX[..], seed].concat());
        Self::from_pkcs8(&pkcs8).expect("any 32 bytes are an Ed25519 key")
    }
}

impl Clone for MachineKey {
    fn clone(&self) -> Self {
        Self::from_pkcs8(&self.pkcs8).expect("it was read before")
    }
}

impl fmt::Debug for MachineKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MachineKey({})", self.key_hash())
    }
}

/// Not a private key that warren uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a private key in pkcs #8 for p-256 or ed25519")]
pub struct KeyError;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::request::key_hash_of_csr;
    use crate::net::files::RealFiles;

    #[test]
    fn keys_survive_the_file() {
        let dir = tempfile::tempdir().expect("a directory");
        for entropy in [Entropy::os(), Entropy::seeded(1)] {
            let key = MachineKey::generate(&entropy);
            let path = dir.path().join("key.pem");
            key.store(&RealFiles, &path).expect("stored");
            let loaded = MachineKey::load(&RealFiles, &path).expect("loaded");
            assert_eq!(loaded.key_hash(), key.key_hash());
            assert_eq!(loaded.pkcs8(), key.pkcs8());
            assert_eq!(loaded.derive("a"), key.derive("a"));
            assert_ne!(key.derive("a"), key.derive("b"));
            assert_eq!(key_hash_of_csr(&loaded.csr()), Ok(key.key_hash()));
        }
    }

    #[test]
    fn a_seed_repeats_its_key_and_nothing_shows_it() {
        let key = MachineKey::generate(&Entropy::seeded(1));
        assert_eq!(key.key_hash(), MachineKey::generate(&Entropy::seeded(1)).key_hash());
        assert_ne!(key.key_hash(), MachineKey::generate(&Entropy::seeded(2)).key_hash());
        assert_ne!(MachineKey::generate(&Entropy::os()).key_hash(), MachineKey::generate(&Entropy::os()).key_hash());
        assert_eq!(format!("{key:?}"), format!("MachineKey({})", key.key_hash()));
    }
}
