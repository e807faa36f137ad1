//! Certificates right and wrong, and endpoints that present them without any of our own checks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rcgen::{CertificateParams, SanType};
use rustls::NamedGroup;
use rustls::crypto::ring::kx_group::X25519;
use rustls::crypto::{ActiveKeyExchange, CryptoProvider, SharedSecret, SupportedKxGroup};
use rustls::pki_types::CertificateDer;
use warren_raft::{ClusterId, ProxyId, Timestamp};

use super::gullible::Gullible;
use crate::identity::tls::provider;
use crate::identity::{Authority, Credentials, CredentialsHandle, Identity, MachineKey, Role};
use crate::net::quic::Endpoint;
use crate::net::{Entropy, Env, Wall};

pub(super) const CLUSTER: ClusterId = ClusterId([1; 16]);
pub(super) const ELSEWHERE: ClusterId = ClusterId([2; 16]);
pub(super) const SECRET: [u8; 32] = [9; 32];
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A clock that stands where it is set.
#[derive(Debug)]
pub(super) struct Clock(AtomicU64);

impl Wall for Clock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

/// A cluster, another one that claims the same names, and a clock.
pub(super) struct World {
    pub(super) env: Env,
    pub(super) authority: Authority,
    other: Authority,
    clock: Arc<Clock>,
}

/// What somebody presents: certificates in order, and the key of the first.
#[derive(Clone)]
pub(super) struct Presented {
    pub(super) chain: Vec<CertificateDer<'static>>,
    key: MachineKey,
}

/// How a certificate is wrong, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Not at all.
    Good,
    /// Signed by its own key.
    SelfSigned,
    /// Signed by another authority, with the names of this one's cluster.
    OtherAuthority,
    /// Signed by this authority, for another cluster.
    OtherCluster,
    /// Yesterday's.
    Expired,
    /// Tomorrow's.
    NotYetValid,
    /// Signed by this authority, with two names.
    TwoNames,
    /// Signed by this authority, with a name that is none.
    NoName,
    /// Self-signed, with a good one of the same name presented beside it.
    BesideGood,
    /// Signed by a good leaf as if that were an authority.
    SignedByLeaf,
}

impl Flaw {
    pub(super) const ALL: [Self; 10] = [
        Self::Good,
        Self::SelfSigned,
        Self::OtherAuthority,
        Self::OtherCluster,
        Self::Expired,
        Self::NotYetValid,
        Self::TwoNames,
        Self::NoName,
        Self::BesideGood,
        Self::SignedByLeaf,
    ];
}

/// The identity of that role that the tests use.
pub(super) fn identity(role: Role) -> Identity {
    match role {
        Role::Proxy => Identity::proxy(CLUSTER, ProxyId(1)),
        Role::Agent => Identity::agent(CLUSTER, &"lab-pi".parse().expect("a name")),
        Role::Client => Identity::client(CLUSTER, &"ann".parse().expect("a name")),
    }
}

impl World {
    pub(super) fn new() -> Self {
        let clock = Arc::new(Clock(AtomicU64::new(Env::real().wall.now().0)));
        let wall: Arc<dyn Wall> = clock.clone();
        let env = Env { wall, entropy: Entropy::os(), ..Env::real() };
        let authority = Authority::create(CLUSTER, "lab", &env).expect("created");
        let other = Authority::create(CLUSTER, "lab", &env).expect("created");
        Self { env, authority, other, clock }
    }

    pub(super) fn credentials(&self, identity: &Identity) -> CredentialsHandle {
        let Presented { mut chain, key } = self.issued(&self.authority, identity);
        let credentials = Credentials::new(chain.remove(0), self.authority.certificate_der().clone(), key);
        CredentialsHandle::new(credentials.expect("credentials")).expect("a handle")
    }

    /// A certificate for that identity with that flaw.
    pub(super) fn present(&self, identity: &Identity, flaw: Flaw) -> Presented {
        match flaw {
            Flaw::Good => self.issued(&self.authority, identity),
            Flaw::OtherAuthority => self.issued(&self.other, identity),
            Flaw::OtherCluster => self.issued(&self.authority, &Identity { cluster: ELSEWHERE, ..identity.clone() }),
            Flaw::Expired => self.at(-2, |world| world.issued(&world.authority, identity)),
            Flaw::NotYetValid => self.at(2, |world| world.issued(&world.authority, identity)),
            Flaw::SelfSigned => self.self_signed(identity),
            Flaw::BesideGood => {
                let mut presented = self.self_signed(identity);
                presented.chain.extend(self.issued(&self.authority, identity).chain);
                presented
            }
            Flaw::TwoNames => self.named(&[&identity.to_string(), &Identity::proxy(CLUSTER, ProxyId(1)).to_string()]),
            Flaw::NoName => self.named(&["https://warren.example"]),
            Flaw::SignedByLeaf => {
                let Presented { chain, key: issuer } = self.issued(&self.authority, identity);
                let authority = Forger { certificate: &chain[0], key: &issuer };
                let mut presented = authority.sign(&[&identity.to_string()]);
                presented.chain.extend(chain);
                presented
            }
        }
    }

    fn issued(&self, authority: &Authority, identity: &Identity) -> Presented {
        let key = MachineKey::generate(&self.env.entropy);
        let issued = authority.issue(&key.csr(), identity, DAY, &self.env).expect("issued");
        Presented { chain: vec![issued.certificate, authority.certificate_der().clone()], key }
    }

    fn named(&self, names: &[&str]) -> Presented {
        let key = MachineKey::from_pkcs8(&self.authority.key_der()).expect("a key");
        let mut presented = Forger { certificate: self.authority.certificate_der(), key: &key }.sign(names);
        presented.chain.push(self.authority.certificate_der().clone());
        presented
    }

    fn self_signed(&self, identity: &Identity) -> Presented {
        let key = MachineKey::generate(&self.env.entropy);
        let chain = vec![params(&[&identity.to_string()]).self_signed(key.pair()).expect("signed").der().clone()];
        Presented { chain, key }
    }

    /// Runs `then` some days from now.
    fn at<T>(&self, days: i64, then: impl FnOnce(&Self) -> T) -> T {
        let now = self.clock.0.load(Ordering::Relaxed);
        self.clock.0.store(now.saturating_add_signed(days * 24 * 3_600_000), Ordering::Relaxed);
        let result = then(self);
        self.clock.0.store(now, Ordering::Relaxed);
        result
    }

    pub(super) fn endpoint(&self, server: Option<quinn::ServerConfig>) -> quinn::Endpoint {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        Endpoint::build(&self.env, listen, &SECRET, server).expect("an endpoint")
    }
}

struct Forger<'a> {
    certificate: &'a CertificateDer<'static>,
    key: &'a MachineKey,
}

impl Forger<'_> {
    fn sign(&self, names: &[&str]) -> Presented {
        let key = MachineKey::generate(&Entropy::os());
        // Only the issuer's name: its key usage would keep rcgen from signing with a leaf, and a forger has no such scruples.
        let mut named = CertificateParams::default();
        named.distinguished_name = issuer_name(self.certificate);
        let issuer = rcgen::Issuer::new(named, self.key.pair());
        let chain = vec![params(names).signed_by(key.pair(), &issuer).expect("signed").der().clone()];
        Presented { chain, key }
    }
}

fn issuer_name(certificate: &CertificateDer<'_>) -> rcgen::DistinguishedName {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).expect("a certificate");
    let mut name = rcgen::DistinguishedName::new();
    for part in parsed.subject().iter_organization() {
        name.push(rcgen::DnType::OrganizationName, part.as_str().expect("text"));
    }
    for part in parsed.subject().iter_common_name() {
        name.push(rcgen::DnType::CommonName, part.as_str().expect("text"));
    }
    name
}

fn params(names: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.subject_alt_names = names.iter().map(|name| SanType::URI((*name).try_into().expect("ascii"))).collect();
    params
}

/// A client that believes any server and presents what it is told to.
pub(super) fn forging_client(presented: Option<&Presented>, alpns: &[&[u8]]) -> quinn::ClientConfig {
    forging_client_by(&provider(), presented, alpns)
}

/// The same with other cryptography than ours.
pub(super) fn forging_client_by(provider: &Arc<CryptoProvider>, presented: Option<&Presented>, alpns: &[&[u8]]) -> quinn::ClientConfig {
    let builder = rustls::ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("suites")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Gullible));
    let mut config = match presented {
        Some(it) => builder.with_client_auth_cert(it.chain.clone(), it.key.private_key()).expect("a key"),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = alpns.iter().map(|alpn| alpn.to_vec()).collect();
    quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(config).expect("a suite")))
}

/// A key exchange that no server knows. A client that likes it best gets a HelloRetryRequest.
#[derive(Debug)]
pub(super) struct UnknownGroup;

struct UnknownExchange(Box<dyn ActiveKeyExchange>);

impl SupportedKxGroup for UnknownGroup {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, rustls::Error> {
        Ok(Box::new(UnknownExchange(X25519.start()?)))
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::Unknown(0xfe00)
    }
}

impl ActiveKeyExchange for UnknownExchange {
    fn complete(self: Box<Self>, peer_pub_key: &[u8]) -> Result<SharedSecret, rustls::Error> {
        self.0.complete(peer_pub_key)
    }

    fn pub_key(&self) -> &[u8] {
        self.0.pub_key()
    }

    fn group(&self) -> NamedGroup {
        UnknownGroup.name()
    }
}

/// A server that asks for no certificate and presents what it is told to.
pub(super) fn forging_server(presented: &Presented, alpns: &[&[u8]]) -> quinn::ServerConfig {
    let mut config = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("suites")
        .with_no_client_auth()
        .with_single_cert(presented.chain.clone(), presented.key.private_key())
        .expect("a key");
    config.alpn_protocols = alpns.iter().map(|alpn| alpn.to_vec()).collect();
    quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(config).expect("a suite")))
}

/// Both ends of one handshake. A client's end that came up is followed until it is closed or the server has accepted.
pub(super) struct Outcome {
    pub(super) server: Result<quinn::Connection, quinn::ConnectionError>,
    pub(super) client: Result<quinn::Connection, quinn::ConnectionError>,
}

pub(super) async fn shake(client: &quinn::Endpoint, config: quinn::ClientConfig, server: &quinn::Endpoint) -> Outcome {
    let addr = server.local_addr().expect("an address");
    let accept = async { server.accept().await.expect("open").await };
    let connect = async { client.connect_with(config, addr, super::super::SERVER_NAME).expect("started").await };
    let both = async { tokio::join!(accept, connect) };
    let (server, client) = tokio::time::timeout(Duration::from_secs(20), both).await.expect("a handshake ends");
    let client = match (&server, client) {
        (Err(_), Ok(connection)) => {
            Err(tokio::time::timeout(Duration::from_secs(20), connection.closed()).await.expect("a refusal arrives"))
        }
        (_, client) => client,
    };
    Outcome { server, client }
}
