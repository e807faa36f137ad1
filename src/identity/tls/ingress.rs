//! TLS over TCP for clients that show a certificate of the cluster and speak nothing of warren's own inside.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ResolvesServerCert};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use webpki::KeyUsage;

use super::leaf::{Leaf, Mismatch};
use super::provider::provider;
use super::signatures::signatures_of_tls13;
use crate::identity::credentials::CredentialsHandle;
use crate::identity::policy::Policy;
use crate::identity::uri::Role;
use crate::net::{Budget, Env, Stream, time_provider};

/// Accepts clients by their certificate. Cheap to clone.
#[derive(Clone)]
pub struct IngressTls(TlsAcceptor);

/// Why a client was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum NotAccepted {
    /// The handshake failed.
    #[error("the handshake failed: {0}")]
    Handshake(#[from] io::Error),
    /// It took too long.
    #[error("the handshake took too long")]
    Late,
    /// It showed a certificate that names nobody.
    #[error("no certificate that names a client")]
    Nobody,
}

impl IngressTls {
    /// Lets in clients of the cluster that `policy` admits, and shows them what `presented` has.
    pub fn new(credentials: &CredentialsHandle, policy: Arc<dyn Policy>, presented: Arc<dyn ResolvesServerCert>, env: &Env) -> Self {
        let judge = Arc::new(Judge { credentials: credentials.clone(), policy });
        let mut config = ServerConfig::builder_with_details(provider(), time_provider(&env.wall))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("the provider has suites of TLS 1.3")
            .with_client_cert_verifier(judge)
            .with_cert_resolver(presented);
        // A resumed session would ask nobody whether the certificate is still good.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Self(TlsAcceptor::from(Arc::new(config)))
    }

    /// Shakes hands within `patience`: the stream inside, and who is at its other end.
    ///
    /// # Errors
    /// [`NotAccepted`]; the stream is reset then, but for the alert.
    pub async fn accept(&self, stream: Box<dyn Stream>, patience: Duration) -> Result<(Box<dyn Stream>, Leaf), NotAccepted> {
        let stream = Budget::new(patience).run(self.0.accept(stream)).await.map_err(|_| NotAccepted::Late)??;
        let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).ok_or(NotAccepted::Nobody)?;
        let leaf = Leaf::read(certificate).map_err(|_| NotAccepted::Nobody)?;
        Ok((Box::new(Inside(Box::new(stream))), leaf))
    }
}

impl fmt::Debug for IngressTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IngressTls(..)")
    }
}

/// Chain, then identity, from the same leaf, as for connections of warren's own.
struct Judge {
    credentials: CredentialsHandle,
    policy: Arc<dyn Policy>,
}

impl Judge {
    fn judge(&self, leaf: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
        let proved = self.credentials.with_trusted(|trusted| Leaf::prove(leaf, trusted, now, KeyUsage::client_auth()))?;
        proved.must_be(self.credentials.identity().cluster, Role::Client)?;
        self.policy.admit(&proved.identity, proved.key).map_err(Mismatch::Refused)?;
        self.policy.admit_serial(proved.serial).map_err(|refusal| Mismatch::Refused(refusal).into())
    }
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Judge(..)")
    }
}

impl ClientCertVerifier for Judge {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.judge(end_entity, now).map(|()| ClientCertVerified::assertion())
    }

    signatures_of_tls13!();
}

/// What is said inside of TLS.
struct Inside(Box<TlsStream<Box<dyn Stream>>>);

impl Stream for Inside {
    fn arm(&mut self) {
        self.0.get_mut().0.arm();
    }

    fn disarm(&mut self) {
        self.0.get_mut().0.disarm();
    }

    fn abort(self: Box<Self>) {
        self.0.into_inner().0.abort();
    }
}

impl AsyncRead for Inside {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Inside {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_shutdown(cx)
    }
}
