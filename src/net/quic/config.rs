//! TLS and transport settings put together for quinn, with nothing left to its own randomness and clocks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use quinn::TransportConfig;

use super::cids;
use super::endpoint::derive;
use super::profile::Port;
use super::profile::Profile;
use super::settings::Settings;
use super::window::StreamWindow;
use crate::net::{Env, time_source};

/// Handshakes that may wait to be looked at; the rest are refused at the cost of one packet.
const MAX_INCOMING: usize = 4096;
/// What a waiting handshake may buffer: a first flight with room for its repetition.
const INCOMING_BUFFER: u64 = 16 << 10;
/// What all waiting handshakes may buffer.
const INCOMING_BUFFER_TOTAL: u64 = 16 << 20;

/// The configuration of a socket that accepts. `secret` is the endpoint's: address validation tokens stay good over a restart.
pub fn server_config(
    tls: impl Into<Arc<dyn quinn::crypto::ServerConfig>>,
    env: &Env,
    secret: &[u8; 32],
    transport: Arc<TransportConfig>,
) -> quinn::ServerConfig {
    let token_key = Arc::new(derive(secret, b"warren quic address validation"));
    let mut config = quinn::ServerConfig::new(tls.into(), token_key);
    config
        .transport_config(transport)
        .time_source(time_source(&env.wall))
        // Agents live behind address translators that change their minds.
        .migration(true)
        .max_incoming(MAX_INCOMING)
        .incoming_buffer_size(INCOMING_BUFFER)
        .incoming_buffer_size_total(INCOMING_BUFFER_TOTAL);
    config
}

/// For how many kinds of paths configurations are kept: there are few windows, and a machine has few interfaces.
const KEPT: usize = 64;

/// A port's ways of accepting, one for each window that a path may need and each size of packets that it carries. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Door {
    port: Port,
    base: quinn::ServerConfig,
    settings: Settings,
    by_path: Arc<Mutex<ByPath>>,
}

/// Configurations by window and largest UDP payload.
type ByPath = BTreeMap<(StreamWindow, u16), Arc<quinn::ServerConfig>>;

impl Door {
    /// The door of `port` on the endpoint with this secret.
    pub fn new(port: Port, tls: impl Into<Arc<dyn quinn::crypto::ServerConfig>>, env: &Env, secret: &[u8; 32]) -> Self {
        let base = server_config(tls, env, secret, port.accepting_with(StreamWindow::MOST.within(env.quic.stream_window), &env.quic));
        Self { port, base, settings: env.quic, by_path: Arc::default() }
    }

    /// What the endpoint is to have: from then on it hears strangers. Its windows are for paths of which nothing is known.
    pub fn config(&self) -> quinn::ServerConfig {
        self.base.clone()
    }

    /// Accepts a connection, with the window that suits the path to where it comes from, and packets as large as the route back carries.
    ///
    /// # Errors
    /// What came was no first packet of a handshake.
    pub fn accept(&self, incoming: quinn::Incoming, env: &Env) -> Result<quinn::Connecting, quinn::ConnectionError> {
        let window = env.paths.grant(incoming.remote_address());
        let remote = incoming.remote_address();
        let payload = self.port.max_payload(remote, &env.quic_towards(remote));
        incoming.accept_with(self.with(window, payload))
    }

    fn with(&self, window: StreamWindow, max_udp_payload: u16) -> Arc<quinn::ServerConfig> {
        let mut by_path = self.by_path.lock().unwrap_or_else(PoisonError::into_inner);
        if by_path.len() >= KEPT && !by_path.contains_key(&(window, max_udp_payload)) {
            by_path.clear();
        }
        let made = by_path.entry((window, max_udp_payload)).or_insert_with(|| {
            let mut config = self.base.clone();
            config.transport_config(self.port.accepting_with(window, &Settings { max_udp_payload, ..self.settings }));
            Arc::new(config)
        });
        made.clone()
    }
}

/// The configuration of one outgoing connection, or of many of the same kind.
pub fn client_config(
    tls: impl Into<Arc<dyn quinn::crypto::ClientConfig>>,
    env: &Env,
    transport: Arc<TransportConfig>,
) -> quinn::ClientConfig {
    let mut config = quinn::ClientConfig::new(tls.into());
    config.transport_config(transport).initial_dst_cid_provider(cids::initial(None, env.entropy.rng()));
    config
}

/// The same for connections of a purpose that an acceptor ought to know from the first packet.
pub fn marked_config(
    tls: impl Into<Arc<dyn quinn::crypto::ClientConfig>>,
    env: &Env,
    transport: Arc<TransportConfig>,
    profile: Profile,
) -> quinn::ClientConfig {
    let mut config = client_config(tls, env, transport);
    config.initial_dst_cid_provider(cids::initial(Some(profile), env.entropy.rng()));
    config
}
