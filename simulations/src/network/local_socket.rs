//! The local sockets of a simulated host, by their paths.

use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use std::net::SocketAddr;
use tokio::sync::mpsc;
use warren::net::{LocalError, LocalListener, LocalPeer, Stream};

use super::pipe::End;
use super::wire::{HostId, Network, Place};

/// A bound local socket. Its path is free again when it is dropped.
#[derive(Debug)]
pub(super) struct SimLocalListener {
    network: Network,
    place: Place,
    waiting: mpsc::UnboundedReceiver<(End, SocketAddr)>,
}

impl SimLocalListener {
    /// Listens at a path of the host.
    pub(super) fn bind(network: Network, host: HostId, path: &Path) -> Result<Self, LocalError> {
        let place = Place::File(host, PathBuf::from(path));
        if network.accepting(&place).is_some() {
            return Err(LocalError::InUse(path.to_owned()));
        }
        let (accepting, waiting) = mpsc::unbounded_channel();
        network.listen_at(place.clone(), accepting);
        Ok(Self { network, place, waiting })
    }
}

impl Drop for SimLocalListener {
    fn drop(&mut self) {
        self.network.unlisten(&self.place);
    }
}

#[async_trait]
impl LocalListener for SimLocalListener {
    async fn accept(&mut self) -> io::Result<(Box<dyn Stream>, LocalPeer)> {
        let (end, _) = self.waiting.recv().await.ok_or(io::ErrorKind::ConnectionAborted)?;
        Ok((Box::new(end), LocalPeer { uid: 0, gid: 0, pid: None }))
    }
}
