//! What the production is given as the network of its host.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use warren::net::udp::{GatheringRuntime, UdpSocket};
use warren::net::{Listener, LocalError, LocalListener, Net, Stream};

use super::local::{SimListener, connect};
use super::local_socket::SimLocalListener;
use super::udp::SimUdp;
use super::wire::{HostId, Network, Place};

/// What Ethernet carries: 1,500 bytes without the headers of IPv4 and UDP.
const UDP_PAYLOAD: u16 = 1_472;
/// What is told of the buffers of a socket.
const BUFFERS: (usize, usize) = (4 << 20, 4 << 20);

/// The sockets of one host.
#[derive(Clone, Debug)]
pub struct HostNet {
    network: Network,
    host: HostId,
    max_udp_payload: u16,
}

impl HostNet {
    /// Those of `host`, with payloads of at most so many bytes.
    pub fn new(network: Network, host: HostId, max_udp_payload: u16) -> Self {
        Self { network, host, max_udp_payload }
    }
}

#[async_trait]
impl Net for HostNet {
    fn udp(&self, listen: SocketAddr) -> io::Result<Arc<dyn quinn::AsyncUdpSocket>> {
        let inner = Arc::new(SimUdp::bind(self.network.clone(), self.host, listen)?);
        Ok(Arc::new(UdpSocket::new(inner, self.max_udp_payload)))
    }

    async fn connect(&self, target: &str) -> io::Result<Box<dyn Stream>> {
        let address = self.resolve(target).await?[0];
        connect(&self.network, self.host, &Place::Address(address))
    }

    async fn listen(&self, addr: SocketAddr) -> io::Result<Box<dyn Listener>> {
        Ok(Box::new(SimListener::bind(self.network.clone(), self.host, addr)?))
    }

    async fn connect_local(&self, path: &Path) -> io::Result<Box<dyn Stream>> {
        connect(&self.network, self.host, &Place::File(self.host, path.to_owned()))
    }

    async fn listen_local(&self, path: &Path) -> Result<Box<dyn LocalListener>, LocalError> {
        Ok(Box::new(SimLocalListener::bind(self.network.clone(), self.host, path)?))
    }

    fn user(&self) -> u32 {
        0
    }

    async fn resolve(&self, host_port: &str) -> io::Result<Vec<SocketAddr>> {
        let address: SocketAddr = host_port.parse().map_err(|_| io::ErrorKind::NotFound)?;
        Ok(vec![if address.ip().is_loopback() { SocketAddr::new(self.host.ip(), address.port()) } else { address }])
    }

    fn routable_ip(&self) -> Option<IpAddr> {
        Some(self.host.ip())
    }

    fn udp_payload(&self, _: SocketAddr) -> Option<u16> {
        Some(UDP_PAYLOAD)
    }

    fn udp_buffers(&self) -> io::Result<(usize, usize)> {
        Ok(BUFFERS)
    }

    fn runtime(&self) -> Arc<dyn quinn::Runtime> {
        Arc::new(GatheringRuntime)
    }
}
