//! A socket that accepts, with settings for each route by which somebody comes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use quinn::{ConnectionError, Incoming, ServerConfig};

use super::profile::Port;
use crate::net::Env;

/// For how many sizes of packets settings are kept: a machine has few interfaces.
const KEPT: usize = 16;

/// Lets connections in.
pub struct Door {
    endpoint: quinn::Endpoint,
    port: Port,
    env: Env,
    config: ServerConfig,
    /// By the largest UDP payload of the route.
    by_payload: Mutex<BTreeMap<u16, Arc<ServerConfig>>>,
}

impl Door {
    /// One that is closed yet.
    pub fn new(endpoint: quinn::Endpoint, port: Port, env: Env, config: ServerConfig) -> Self {
        Self { endpoint, port, env, config, by_payload: Mutex::default() }
    }

    /// From now on strangers' packets are looked at.
    pub fn open(&self) {
        self.endpoint.set_server_config(Some(self.config.clone()));
    }

    /// The next who comes; `None` once the socket is closed.
    pub async fn next(&self) -> Option<Incoming> {
        self.endpoint.accept().await
    }

    /// Begins the handshake, with packets as large as the route back to whoever came carries.
    ///
    /// # Errors
    /// [`ConnectionError`] if what was heard so far is no beginning of a connection.
    pub fn accept(&self, incoming: Incoming) -> Result<quinn::Connecting, ConnectionError> {
        let payload = self.port.max_payload(incoming.remote_address(), &self.env);
        incoming.accept_with(self.config_for(payload))
    }

    fn config_for(&self, payload: u16) -> Arc<ServerConfig> {
        let mut by_payload = self.by_payload.lock().unwrap_or_else(PoisonError::into_inner);
        if by_payload.len() >= KEPT && !by_payload.contains_key(&payload) {
            by_payload.clear();
        }
        let made = by_payload.entry(payload).or_insert_with(|| {
            let mut config = self.config.clone();
            config.transport_config(self.port.accepting_up_to(payload, &self.env.quic));
            Arc::new(config)
        });
        made.clone()
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("port", &self.port).finish_non_exhaustive()
    }
}
