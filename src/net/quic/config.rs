//! TLS and transport settings put together for quinn, with nothing left to its own randomness and clocks.

use std::sync::Arc;

use quinn::TransportConfig;

use super::cids;
use super::endpoint::derive;
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

/// The configuration of one outgoing connection, or of many of the same kind.
pub fn client_config(
    tls: impl Into<Arc<dyn quinn::crypto::ClientConfig>>,
    env: &Env,
    transport: Arc<TransportConfig>,
) -> quinn::ClientConfig {
    let mut config = quinn::ClientConfig::new(tls.into());
    config.transport_config(transport).initial_dst_cid_provider(cids::initial(env.entropy.rng()));
    config
}
