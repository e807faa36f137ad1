//! Where byte streams are accepted.

use std::io;
use std::net::SocketAddr;

use async_trait::async_trait;
use tokio::sync::mpsc;
use warren::net::{Listener, Stream};

use super::pipe::{self, End};
use super::wire::{HostId, Network, Place};

/// A bound listener. Its address is free again when it is dropped.
pub(super) struct SimListener {
    network: Network,
    place: Place,
    address: SocketAddr,
    waiting: mpsc::UnboundedReceiver<(End, SocketAddr)>,
}

impl SimListener {
    /// Listens at an address of the host.
    pub(super) fn bind(network: Network, host: HostId, listen: SocketAddr) -> io::Result<Self> {
        let (accepting, waiting) = mpsc::unbounded_channel();
        let address = network.listen(host, listen, accepting)?;
        Ok(Self { network, place: Place::Address(address), address, waiting })
    }
}

impl Drop for SimListener {
    fn drop(&mut self) {
        self.network.unlisten(&self.place);
    }
}

#[async_trait]
impl Listener for SimListener {
    async fn accept(&mut self) -> io::Result<(Box<dyn Stream>, SocketAddr)> {
        let (end, from) = self.waiting.recv().await.ok_or(io::ErrorKind::ConnectionAborted)?;
        Ok((Box::new(end), from))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// Connects to whoever accepts there.
pub(super) fn connect(network: &Network, host: HostId, place: &Place) -> io::Result<Box<dyn Stream>> {
    let accepting = network.accepting(place).ok_or(io::ErrorKind::ConnectionRefused)?;
    let (near, far) = pipe::pair();
    accepting.send((far, SocketAddr::new(host.ip(), 0))).map_err(|_| io::ErrorKind::ConnectionRefused)?;
    Ok(Box::new(near))
}
