//! Certificates right and wrong, made with the cluster's own authority as a snapshot has it, and connections that present them without a check of our own.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use quinn::crypto::rustls::QuicClientConfig;
use rcgen::{CertificateParams, DistinguishedName, DnType, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256, SanType};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::{Duration, OffsetDateTime};
use warren_raft::saved::Reader;

#[path = "../../src/identity/tls/tests/gullible.rs"]
mod gullible;
use gullible::Gullible;

/// What somebody presents: certificates in order, and the key of the first.
#[derive(Debug)]
pub(crate) struct Presented {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Clone for Presented {
    fn clone(&self) -> Self {
        Self { chain: self.chain.clone(), key: self.key.clone_key() }
    }
}

impl Presented {
    /// An identity as a machine keeps it.
    pub(crate) fn of(dir: &Path) -> Self {
        let certificate = |name: &str| CertificateDer::from_pem_file(dir.join(name)).expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(dir.join("key.pem")).expect("a key");
        Self { chain: vec![certificate("certificate.pem"), certificate("ca.pem")], key }
    }

    /// The serial number of its certificate, in hexadecimal digits.
    pub(crate) fn serial(&self) -> String {
        let (_, parsed) = x509_parser::parse_x509_certificate(&self.chain[0]).expect("a certificate");
        hex::encode(parsed.raw_serial())
    }

    /// The same with further certificates behind its own.
    pub(crate) fn beside(mut self, other: Self) -> Self {
        self.chain.extend(other.chain);
        self
    }

    /// A configuration that believes any server, and that would resume a session if it were given a ticket.
    pub(crate) fn client(presented: Option<&Self>, alpns: &[&[u8]]) -> Arc<rustls::ClientConfig> {
        let builder = rustls::ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("suites")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Gullible));
        let mut config = match presented {
            Some(it) => builder.with_client_auth_cert(it.chain.clone(), it.key.clone_key()).expect("a key"),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = alpns.iter().map(|alpn| alpn.to_vec()).collect();
        Arc::new(config)
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// An authority and its key.
pub(crate) struct Forger {
    issuer: DistinguishedName,
    key: KeyPair,
    certificate: CertificateDer<'static>,
    /// The cluster's id, as names have it.
    pub(crate) cluster: String,
}

impl Forger {
    /// The cluster's own authority.
    pub(crate) fn with_snapshot(snapshot: &Path) -> Self {
        let mut reader = Reader::default();
        reader.push(&std::fs::read(snapshot).expect("a snapshot")).expect("a whole one");
        let saved = reader.finish().expect("a whole one");
        let cluster = saved.table().cluster().expect("a cluster");
        let certificate = CertificateDer::from(cluster.ca_certificate.clone());
        let key = PrivatePkcs8KeyDer::from(cluster.ca_key.clone());
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_ECDSA_P256_SHA256).expect("a key");
        Self { issuer: subject(&certificate), key, certificate, cluster: cluster.id.to_string() }
    }

    /// Another authority that calls itself the same and speaks for the same cluster.
    pub(crate) fn impostor(&self) -> Self {
        let key = new_key();
        let mut params = CertificateParams::default();
        params.distinguished_name = self.issuer.clone();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("signed").der().clone();
        Self { issuer: self.issuer.clone(), key, certificate, cluster: self.cluster.clone() }
    }

    /// A certificate with these names, valid from so many hours on, for a day.
    pub(crate) fn sign(&self, names: &[String], from_hours: i64) -> Presented {
        self.sign_for(new_key(), names, from_hours)
    }

    fn sign_for(&self, key: KeyPair, names: &[String], from_hours: i64) -> Presented {
        let mut named = CertificateParams::default();
        named.distinguished_name = self.issuer.clone();
        let issuer = Issuer::new(named, &self.key);
        let certificate = params(names, from_hours).signed_by(&key, &issuer).expect("signed").der().clone();
        Presented { chain: vec![certificate, self.certificate.clone()], key: private(&key) }
    }

    /// A certificate signed by a leaf of this authority, as if that were one.
    pub(crate) fn sign_by_leaf(&self, names: &[String]) -> Presented {
        let (key, name) = (new_key(), DistinguishedName::new());
        let leaf = self.sign_for(KeyPair::try_from(key.serialize_der()).expect("a key"), names, -1);
        let below = Self { issuer: name, key, certificate: leaf.chain[0].clone(), cluster: self.cluster.clone() };
        below.sign(names, -1).beside(leaf)
    }

    /// A certificate signed by its own key.
    pub(crate) fn sign_itself(&self, names: &[String]) -> Presented {
        let key = new_key();
        let certificate = params(names, -1).self_signed(&key).expect("signed").der().clone();
        Presented { chain: vec![certificate], key: private(&key) }
    }
}

fn new_key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key")
}

fn private(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(key.serialize_der()).into()
}

fn params(names: &[String], from_hours: i64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.subject_alt_names = names.iter().map(|name| SanType::URI(name.as_str().try_into().expect("ascii"))).collect();
    params.not_before = OffsetDateTime::now_utc() + Duration::hours(from_hours);
    params.not_after = params.not_before + Duration::hours(24);
    params
}

fn subject(certificate: &CertificateDer<'_>) -> DistinguishedName {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).expect("a certificate");
    let mut name = DistinguishedName::new();
    for part in parsed.subject().iter_organization() {
        name.push(DnType::OrganizationName, part.as_str().expect("text"));
    }
    for part in parsed.subject().iter_common_name() {
        name.push(DnType::CommonName, part.as_str().expect("text"));
    }
    name
}

/// Dials by QUIC with such a configuration.
pub(crate) async fn dial(
    endpoint: &quinn::Endpoint,
    address: SocketAddr,
    config: &Arc<rustls::ClientConfig>,
) -> Result<quinn::Connection, quinn::ConnectionError> {
    let crypto = QuicClientConfig::try_from(Arc::clone(config)).expect("a suite of QUIC");
    let config = quinn::ClientConfig::new(Arc::new(crypto));
    endpoint.connect_with(config, address, "warren").expect("it dials").await
}
