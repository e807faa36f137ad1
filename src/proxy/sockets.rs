//! The two UDP sockets of a proxy.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::data_dir::DataDir;
use super::settings::Proxy;
use super::start_error::StartError;
use super::threads::Threads;
use crate::net::Env;
use crate::net::quic::Endpoint;

/// Both sockets, bound.
#[derive(Debug)]
pub(super) struct Sockets {
    pub(super) secret: [u8; 32],
    pub(super) peer: quinn::Endpoint,
    pub(super) peer_address: String,
    pub(super) public: quinn::Endpoint,
    pub(super) public_addresses: Vec<String>,
}

impl Sockets {
    /// Binds both, and settles by which addresses others reach them.
    pub(super) fn bind(proxy: &Proxy, dir: &DataDir, env: &Env, threads: &Threads) -> Result<Self, StartError> {
        let secret = dir.secret(&env.entropy)?;
        let peer = {
            // An endpoint is driven where it is made.
            let _there = threads.control.enter();
            listen(env, proxy.peer_listen, &secret)?
        };
        let public = listen(env, proxy.public_listen, &secret)?;
        let peer_address = proxy.peer_advertise.clone().unwrap_or_else(|| reachable(proxy.peer_listen, &peer, env));
        let public_addresses = match proxy.public_advertise.as_slice() {
            [] => vec![reachable(proxy.public_listen, &public, env)],
            given => given.to_vec(),
        };
        Ok(Self { secret, peer, peer_address, public, public_addresses })
    }
}

fn listen(env: &Env, address: SocketAddr, secret: &[u8; 32]) -> Result<quinn::Endpoint, StartError> {
    Endpoint::build(env, address, secret, None).map_err(|error| StartError::Listen { address, error })
}

/// Where others reach a socket: where it listens, or by the machine's routable address where it listens on all.
fn reachable(listen: SocketAddr, endpoint: &quinn::Endpoint, env: &Env) -> String {
    let port = endpoint.local_addr().map_or(listen.port(), |address| address.port());
    let ip = if listen.ip().is_unspecified() { env.net.routable_ip().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)) } else { listen.ip() };
    SocketAddr::new(ip, port).to_string()
}
