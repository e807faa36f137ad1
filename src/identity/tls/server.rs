//! The accepting side of TLS.

use std::fmt;
use std::sync::Arc;

use quinn::ConnectionId;
use quinn::crypto::rustls::QuicServerConfig;
use quinn::crypto::{Keys, ServerConfig as QuicCrypto, Session as QuicSession, UnsupportedVersion};
use quinn_proto::transport_parameters::TransportParameters;
use rustls::ServerConfig;
use rustls::quic::{ServerConnection, Version};
use rustls::server::NoServerSessionStorage;
use rustls::time_provider::TimeProvider;

use super::alpn::Alpn;
use super::gate::{Gate, Rules};
use super::provider::provider;
use super::session::{Session, to_vec};
use crate::identity::credentials::CredentialsHandle;
use crate::identity::policy::Policy;
use crate::net::quic::VERSION;
use crate::net::{Env, time_provider};

/// TLS of one accepting socket. Goes into [`server_config`](crate::net::quic::server_config).
#[derive(Clone)]
pub struct ServerTls(Arc<PerConnection>);

impl ServerTls {
    /// The peer port: proxies of this cluster only.
    pub fn peer_port(credentials: &CredentialsHandle, policy: Arc<dyn Policy>, env: &Env) -> Self {
        Self::build(credentials, &[Alpn::Peer], policy, env)
    }

    /// The public port: agents, clients, and machines that enrol, each by its own protocol.
    pub fn public_port(credentials: &CredentialsHandle, policy: Arc<dyn Policy>, env: &Env) -> Self {
        Self::build(credentials, &[Alpn::Agent, Alpn::Client, Alpn::Enroll], policy, env)
    }

    /// How many judges there are: one of each handshake that is under way, and as many more as when there is none.
    #[cfg(test)]
    pub(super) fn handshakes(&self) -> usize {
        Arc::strong_count(&self.0.rules)
    }

    fn build(credentials: &CredentialsHandle, served: &'static [Alpn], policy: Arc<dyn Policy>, env: &Env) -> Self {
        let rules = Arc::new(Rules { credentials: credentials.clone(), served, policy });
        let time = time_provider(&env.wall);
        let keys = QuicServerConfig::try_from(tls_config(&Arc::new(Gate::new(Arc::clone(&rules))), &time))
            .expect("the provider has QUIC's initial suite");
        Self(Arc::new(PerConnection { rules, time, keys: Arc::new(keys) }))
    }
}

impl From<ServerTls> for Arc<dyn QuicCrypto> {
    fn from(tls: ServerTls) -> Self {
        tls.0
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").field("served", &self.0.rules.served).finish_non_exhaustive()
    }
}

/// Gives each connection a configuration with a [`Gate`] of its own. The keys of packets before the handshake depend on no connection
/// and come from one that serves none.
struct PerConnection {
    rules: Arc<Rules>,
    time: Arc<dyn TimeProvider>,
    keys: Arc<QuicServerConfig>,
}

impl QuicCrypto for PerConnection {
    fn initial_keys(&self, version: u32, dst_cid: &ConnectionId) -> Result<Keys, UnsupportedVersion> {
        if version == VERSION { self.keys.initial_keys(version, dst_cid) } else { Err(UnsupportedVersion) }
    }

    fn retry_tag(&self, version: u32, orig_dst_cid: &ConnectionId, packet: &[u8]) -> [u8; 16] {
        self.keys.retry_tag(version, orig_dst_cid, packet)
    }

    fn start_session(self: Arc<Self>, version: u32, params: &TransportParameters) -> Box<dyn QuicSession> {
        debug_assert_eq!(version, VERSION, "no keys are given for another one");
        let gate = Arc::new(Gate::new(Arc::clone(&self.rules)));
        let tls = ServerConnection::new(tls_config(&gate, &self.time), Version::V1, to_vec(params));
        Box::new(Session::new(tls.expect("the configuration is one of TLS 1.3").into()).judged_by(gate))
    }
}

fn tls_config(gate: &Arc<Gate>, time: &Arc<dyn TimeProvider>) -> Arc<ServerConfig> {
    let (verifier, resolver) = (Arc::clone(gate), Arc::clone(gate));
    let mut config = ServerConfig::builder_with_details(provider(), Arc::clone(time))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("the provider has suites of TLS 1.3")
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(resolver);
    config.alpn_protocols = gate.served_names().iter().map(|alpn| alpn.as_bytes().to_vec()).collect();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Arc::new(config)
}
