//! TLS that resumes: rustls as it comes, with certificates of both sides as warren has them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::client::Resumption;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{Ticketer, default_provider};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{ClientConfig, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme};
use warren::identity::tls::SERVER_NAME;
use warren::net::Env;

use super::{Ends, ends};

/// What becomes of tickets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// There are none.
    Full,
    /// Each connection gives one for the next.
    Resumed,
}

/// An authority and its servers.
pub(super) struct Resumable {
    provider: Arc<CryptoProvider>,
    roots: Arc<RootCertStore>,
    issuer: Issuer<'static, KeyPair>,
    judged: Arc<AtomicU64>,
}

impl Resumable {
    pub(super) fn new() -> anyhow::Result<Self> {
        let key = KeyPair::generate().context("no key")?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let mut roots = RootCertStore::empty();
        roots.add(params.self_signed(&key).context("no authority")?.der().clone())?;
        let issuer = Issuer::new(params, key);
        Ok(Self { provider: Arc::new(default_provider()), roots: Arc::new(roots), issuer, judged: Arc::default() })
    }

    /// How many certificates of clients were judged so far: a resumed handshake shows none.
    pub(super) fn judged(&self) -> u64 {
        self.judged.load(Ordering::Relaxed)
    }

    /// A server and who dials it.
    pub(super) fn ends(&self, env: &Env, kind: Kind) -> anyhow::Result<Ends> {
        let server: Arc<dyn quinn::crypto::ServerConfig> = Arc::new(QuicServerConfig::try_from(self.server(kind)?)?);
        let client: Arc<dyn quinn::crypto::ClientConfig> = Arc::new(QuicClientConfig::try_from(self.client(kind)?)?);
        ends(env, server, client)
    }

    fn server(&self, kind: Kind) -> anyhow::Result<ServerConfig> {
        let verifier = WebPkiClientVerifier::builder_with_provider(self.roots.clone(), self.provider.clone()).build()?;
        let counting = Counting { verifier, judged: self.judged.clone() };
        let (certificate, key) = self.issue()?;
        let mut config = ServerConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(Arc::new(counting))
            .with_single_cert(vec![certificate], key.into())?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        match kind {
            Kind::Full => config.send_tls13_tickets = 0,
            Kind::Resumed => {
                config.ticketer = Ticketer::new()?;
                config.send_tls13_tickets = 1;
            }
        }
        Ok(config)
    }

    fn client(&self, kind: Kind) -> anyhow::Result<ClientConfig> {
        let (certificate, key) = self.issue()?;
        let mut config = ClientConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&TLS13])?
            .with_root_certificates(self.roots.clone())
            .with_client_auth_cert(vec![certificate], key.into())?;
        config.resumption = match kind {
            Kind::Full => Resumption::disabled(),
            Kind::Resumed => Resumption::in_memory_sessions(8),
        };
        Ok(config)
    }

    fn issue(&self) -> anyhow::Result<(CertificateDer<'static>, PrivatePkcs8KeyDer<'static>)> {
        let key = KeyPair::generate().context("no key")?;
        let params = CertificateParams::new([SERVER_NAME.to_owned()]).context("a name")?;
        let certificate = params.signed_by(&key, &self.issuer).context("no certificate")?;
        Ok((certificate.der().clone(), PrivatePkcs8KeyDer::from(key.serialize_der())))
    }
}

/// Counts what it has judged.
#[derive(Debug)]
struct Counting {
    verifier: Arc<dyn ClientCertVerifier>,
    judged: Arc<AtomicU64>,
}

impl ClientCertVerifier for Counting {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.verifier.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.judged.fetch_add(1, Ordering::Relaxed);
        self.verifier.verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
