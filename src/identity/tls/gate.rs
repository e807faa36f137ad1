//! The judge of one connection at a server: it sees the offered protocol first and the client's certificate later.
//!
//! ```text
//! ClientHello -> resolve(): one protocol is recorded, or the handshake ends
//!             -> offer_client_auth(), client_auth_mandatory(): by the recorded protocol
//!             -> verify_client_cert(): chain, identity, cluster, the protocol's role, policy
//! ```
//! rustls calls them in this order (`ExpectClientHello::with_certified_key` before anything of TLS 1.3 is emitted); after a
//! HelloRetryRequest it calls `resolve` again, and the client must then offer the same.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use webpki::KeyUsage;

use super::alpn::Alpn;
use super::entrance;
use super::leaf::{Leaf, Mismatch};
use super::provider::provider;
use super::signatures::signatures_of_tls13;
use crate::identity::credentials::CredentialsHandle;
use crate::identity::policy::Policy;
use crate::identity::uri::{Identity, Role};

/// What all connections of a port have in common.
pub(super) struct Rules {
    pub(super) credentials: CredentialsHandle,
    pub(super) served: &'static [Alpn],
    pub(super) policy: Arc<dyn Policy>,
}

/// One connection's judge.
pub(super) struct Gate {
    rules: Arc<Rules>,
    offered: OnceLock<Alpn>,
    /// Whom the leaf names that chains, whether it is admitted or not.
    proved: OnceLock<Identity>,
}

impl Gate {
    pub(super) fn new(rules: Arc<Rules>) -> Self {
        Self { rules, offered: OnceLock::new(), proved: OnceLock::new() }
    }

    /// Whom the client has shown to be a certificate of; that it owns the certificate's key is proved when the handshake ends well.
    pub(super) fn claimed(&self) -> Option<&Identity> {
        self.proved.get()
    }

    /// Records the one protocol that is offered, and says whether the handshake may go on. Several at once are refused: a client of warren knows
    /// what it wants, and nothing is then left to agree on that could differ from what is judged here. None, or one that the port does not
    /// serve, is left to rustls, which ends the handshake with the alert meant for that.
    fn record<'a>(&self, mut names: impl Iterator<Item = &'a [u8]>) -> bool {
        match (names.next(), names.next()) {
            (None, _) => true,
            (Some(name), None) => self.served(name).is_none_or(|alpn| *self.offered.get_or_init(|| alpn) == alpn),
            (Some(_), Some(_)) => false,
        }
    }

    /// The protocols of the port.
    pub(super) fn served_names(&self) -> &'static [Alpn] {
        self.rules.served
    }

    fn served(&self, name: &[u8]) -> Option<Alpn> {
        Alpn::from_bytes(name).filter(|alpn| self.rules.served.contains(alpn))
    }

    fn judge(&self, leaf: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
        let rules = &self.rules;
        let role = self.offered.get().ok_or(Mismatch::NoProtocol)?.client_role().ok_or(Mismatch::Unasked)?;
        let proved = rules.credentials.with_trusted(|trusted| Leaf::prove(leaf, trusted, now, KeyUsage::client_auth()))?;
        // A second leaf of the same handshake there is none.
        let _ = self.proved.set(proved.identity.clone());
        proved.must_be(rules.credentials.identity().cluster, role)?;
        rules.policy.admit(&proved.identity, proved.key).map_err(Mismatch::Refused)?;
        let refused = |refusal| if role == Role::Proxy { Mismatch::PeerCertificate } else { Mismatch::Refused(refusal) };
        rules.policy.admit_serial(proved.serial).map_err(|refusal| refused(refusal).into())
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("served", &self.rules.served).field("offered", &self.offered.get()).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Gate {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut offered = hello.alpn().into_iter().flatten();
        if !self.record(&mut offered) {
            return None;
        }
        match self.offered.get() {
            // A machine that has only a token learns the authority from here, and names the one that it can check.
            Some(Alpn::Enroll) => self.rules.credentials.with_authority(hello.server_name().and_then(entrance::fingerprint)),
            // Everybody else knows it: without it the answer is one packet.
            Some(Alpn::Peer | Alpn::Agent | Alpn::Client) | None => Some(self.rules.credentials.alone()),
        }
    }
}

impl ClientCertVerifier for Gate {
    /// Before the hello, rustls only wants to know whether to keep the transcript for it.
    fn offer_client_auth(&self) -> bool {
        self.offered.get().is_none_or(|alpn| alpn.client_role().is_some())
    }

    fn client_auth_mandatory(&self) -> bool {
        self.offer_client_auth()
    }

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
