//! TLS for both ends.

use std::sync::Arc;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::pki_types::PrivateKeyDer;
use rustls::{RootCertStore, version::TLS13};

/// The name of the receiving ends.
pub(super) const NAME: &str = "receiver";

/// A certificate that the senders trust.
pub(super) struct Keys {
    pub(super) client: Arc<QuicClientConfig>,
    pub(super) server: Arc<QuicServerConfig>,
}

impl Keys {
    pub(super) fn new() -> Self {
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).expect("a name");
        let certificate = made.cert.der().clone();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut trusted = RootCertStore::empty();
        trusted.add(certificate.clone()).expect("a certificate");
        let client = rustls::ClientConfig::builder_with_provider(provider.clone()).with_protocol_versions(&[&TLS13]).expect("TLS 1.3");
        let client = client.with_root_certificates(trusted).with_no_client_auth();
        let server = rustls::ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13]).expect("TLS 1.3");
        let server = server.with_no_client_auth().with_single_cert(vec![certificate], key).expect("its key");
        Self {
            client: Arc::new(QuicClientConfig::try_from(client).expect("TLS 1.3")),
            server: Arc::new(QuicServerConfig::try_from(server).expect("TLS 1.3")),
        }
    }
}
