//! The dialling side of TLS.

use std::fmt;
use std::sync::{Arc, OnceLock};

use quinn::ConnectError;
use quinn::crypto::{ClientConfig as QuicCrypto, Session as QuicSession};
use quinn_proto::transport_parameters::TransportParameters;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::quic::{ClientConnection, Version};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use warren_raft::ProxyId;
use webpki::KeyUsage;

use super::alpn::Alpn;
use super::leaf::{Leaf, Mismatch};
use super::provider::provider;
use super::session::{Session, to_vec};
use super::signatures::signatures_of_tls13;
use crate::identity::credentials::CredentialsHandle;
use crate::identity::fingerprint::fingerprint;
use crate::identity::uri::{Identity, Role};
use crate::net::quic::VERSION;
use crate::net::{Env, time_provider};

/// What to hand to [`quinn::Endpoint::connect_with`] as the server's name. It is not sent and nothing is compared to it: the identity is in the
/// certificate's URI. A machine that enrols has a name of its own.
pub const SERVER_NAME: &str = "warren";

/// Which proxies the dialled one may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Any proxy of the cluster.
    AnyProxy,
    /// This one alone.
    Proxy(ProxyId),
}

/// TLS of one kind of outgoing connection. Goes into [`client_config`](crate::net::quic::client_config).
#[derive(Clone)]
pub struct ClientTls(Arc<Sessions>);

impl ClientTls {
    /// From a proxy to the peer with that number.
    pub fn peer(credentials: &CredentialsHandle, expected: ProxyId, env: &Env) -> Self {
        Self::proxy(credentials, Alpn::Peer, Expected::Proxy(expected), env)
    }

    /// To a proxy of the cluster, by any protocol but enrolment. The certificate presented is the handle's current one at each handshake.
    pub fn proxy(credentials: &CredentialsHandle, alpn: Alpn, expected: Expected, env: &Env) -> Self {
        let trust = Trust::Cluster { credentials: credentials.clone(), expected };
        Self::build(trust, Arc::new(Presents(Some(credentials.clone()))), alpn, env)
    }

    /// From a machine that has only a token, with the first 16 bytes of the SHA-256 of the authority's certificate. No certificate is
    /// presented. The second value tells what the handshake learned.
    pub fn enroll(fingerprint: [u8; 16], env: &Env) -> (Self, VerifiedServer) {
        let verified = VerifiedServer::default();
        let trust = Trust::Fingerprint { fingerprint, verified: verified.clone() };
        (Self::build(trust, Arc::new(Presents(None)), Alpn::Enroll, env), verified)
    }

    fn build(trust: Trust, presents: Arc<Presents>, alpn: Alpn, env: &Env) -> Self {
        let mut config = ClientConfig::builder_with_details(provider(), time_provider(&env.wall))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("the provider has suites of TLS 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(trust))
            .with_client_cert_resolver(presents);
        config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
        config.resumption = Resumption::disabled();
        // A machine that enrols names the authority that it can check. Nobody else has a name to send.
        config.enable_sni = alpn == Alpn::Enroll;
        Self(Arc::new(Sessions(Arc::new(config))))
    }
}

impl From<ClientTls> for Arc<dyn QuicCrypto> {
    fn from(tls: ClientTls) -> Self {
        tls.0
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientTls")
    }
}

/// Begins the handshakes of one kind of outgoing connection.
struct Sessions(Arc<ClientConfig>);

impl Sessions {
    fn begin(&self, name: ServerName<'static>, params: &TransportParameters) -> Session {
        let tls = ClientConnection::new(self.0.clone(), Version::V1, name, to_vec(params));
        Session::new(tls.expect("the configuration is one of TLS 1.3, and the name no longer than it may be").into())
    }
}

impl QuicCrypto for Sessions {
    fn start_session(
        self: Arc<Self>,
        version: u32,
        server_name: &str,
        params: &TransportParameters,
    ) -> Result<Box<dyn QuicSession>, ConnectError> {
        if version != VERSION {
            return Err(ConnectError::UnsupportedVersion);
        }
        let invalid = || ConnectError::InvalidServerName(server_name.to_owned());
        let name = ServerName::try_from(server_name).map_err(|_| invalid())?.to_owned();
        Ok(Box::new(self.begin(name, params)))
    }
}

/// Whom an enrolment's handshake met. Ask it only once the connection is established: the certificate is seen before the server
/// has proved to own its key.
#[derive(Debug, Clone, Default)]
pub struct VerifiedServer(Arc<OnceLock<(CertificateDer<'static>, Identity)>>);

impl VerifiedServer {
    /// The certificate of the authority whose fingerprint matched, which the machine keeps.
    pub fn ca(&self) -> Option<CertificateDer<'static>> {
        self.0.get().map(|(ca, _)| ca.clone())
    }

    /// The proxy that was met; its cluster is the one the machine joins.
    pub fn proxy(&self) -> Option<Identity> {
        self.0.get().map(|(_, identity)| identity.clone())
    }
}

/// What a server's certificate is held against.
#[derive(Debug)]
enum Trust {
    Cluster { credentials: CredentialsHandle, expected: Expected },
    Fingerprint { fingerprint: [u8; 16], verified: VerifiedServer },
}

impl Trust {
    fn verify(&self, leaf: &CertificateDer<'_>, rest: &[CertificateDer<'_>], now: UnixTime) -> Result<(), Error> {
        match self {
            Self::Cluster { credentials, expected } => {
                let proved = credentials.with_trusted(|trusted| Leaf::prove(leaf, trusted, now, KeyUsage::server_auth()))?;
                proved.must_be(credentials.identity().cluster, Role::Proxy)?;
                match expected {
                    Expected::Proxy(expected) if proved.identity.proxy_id() != Some(*expected) => {
                        Err(Mismatch::Proxy { expected: *expected, found: proved.identity.name }.into())
                    }
                    Expected::Proxy(_) | Expected::AnyProxy => Ok(()),
                }
            }
            Self::Fingerprint { fingerprint: expected, verified } => {
                let ca = rest.last().filter(|ca| fingerprint(ca)[..16] == expected[..]).ok_or(Mismatch::Fingerprint)?;
                let proved = Leaf::prove(leaf, std::slice::from_ref(ca), now, KeyUsage::server_auth())?;
                proved.must_be(proved.identity.cluster, Role::Proxy)?;
                // The same authority again, or the same refusal: a second handshake with this value learns nothing new.
                let _ = verified.0.set((ca.clone().into_owned(), proved.identity));
                Ok(())
            }
        }
    }
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verify(end_entity, intermediates, now).map(|()| ServerCertVerified::assertion())
    }

    signatures_of_tls13!();
}

/// What a client presents: the current certificate, or none.
#[derive(Debug)]
struct Presents(Option<CredentialsHandle>);

impl ResolvesClientCert for Presents {
    fn resolve(&self, _root_hint_subjects: &[&[u8]], _sigschemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.as_ref().map(CredentialsHandle::alone)
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}
