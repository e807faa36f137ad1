//! A UDP socket with quinn on it.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use ring::{hkdf, hmac};

use super::cids::Cids;
use crate::net::Env;

/// The one version of QUIC that is spoken (RFC 9000).
pub const VERSION: u32 = 1;
/// How soon after one stateless reset the next may follow: after a restart every peer's next packet deserves one, while two
/// endpoints that reset each other must not spin.
const RESET_INTERVAL: Duration = Duration::from_millis(1);

/// Builds endpoints.
#[derive(Debug)]
pub struct Endpoint;

impl Endpoint {
    /// Binds `listen` and runs quinn on it; without `server` it only dials. `secret` is this machine's and outlives the process: a restarted one
    /// can then tell its former peers at once that their connections are gone (stateless reset, RFC 9000, section 10.3),
    /// instead of leaving them to their idle time-outs.
    ///
    /// # Errors
    /// The socket's.
    pub fn build(env: &Env, listen: SocketAddr, secret: &[u8; 32], server: Option<quinn::ServerConfig>) -> io::Result<quinn::Endpoint> {
        let mut rng = env.entropy.rng();
        let mut config = quinn::EndpointConfig::new(Arc::new(reset_key(secret)));
        config.rng_seed(Some(rng.random())).min_reset_interval(RESET_INTERVAL).supported_versions(vec![VERSION]);
        config.max_udp_payload_size(env.quic.max_udp_payload).map_err(io::Error::other)?;
        let cids = Mutex::new(rng);
        config.cid_generator(move || {
            let mut rng = cids.lock().unwrap_or_else(PoisonError::into_inner);
            Box::new(Cids::new(StdRng::from_rng(&mut *rng)))
        });
        quinn::Endpoint::new_with_abstract_socket(config, server, env.net.udp(listen)?, env.net.runtime())
    }
}

/// An endpoint that only dials, for both address families where the machine has both. Its secret lives as long as it does.
///
/// # Errors
/// The socket's.
pub fn dialling_endpoint(env: &Env) -> io::Result<quinn::Endpoint> {
    let secret = env.entropy.bytes();
    let both = Endpoint::build(env, SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)), &secret, None);
    both.or_else(|_| Endpoint::build(env, SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)), &secret, None))
}

fn reset_key(secret: &[u8; 32]) -> hmac::Key {
    let mut key = [0; 32];
    derive(secret, b"warren quic stateless reset")
        .expand(&[], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut key))
        .expect("32 bytes are within HKDF's bound");
    hmac::Key::new(hmac::HMAC_SHA256, &key)
}

/// The pseudo-random key of one purpose (RFC 5869, with the purpose as salt).
pub(super) fn derive(secret: &[u8; 32], purpose: &[u8]) -> hkdf::Prk {
    hkdf::Salt::new(hkdf::HKDF_SHA256, purpose).extract(secret)
}
