//! The admin socket: a local socket that only its owner can open.

use std::io;
use std::path::Path;

use super::{Accept, Caller};
use crate::net::{LocalError, LocalListener, Net, Stream};

/// A listening socket for whoever administers the machine.
#[derive(Debug)]
pub struct AdminSocket {
    listener: Box<dyn LocalListener>,
}

impl AdminSocket {
    /// Listens at `path` until it is dropped.
    ///
    /// # Errors
    /// [`LocalError`] says what is in the way.
    pub async fn bind(net: &dyn Net, path: &Path) -> Result<Self, LocalError> {
        Ok(Self { listener: net.listen_local(path).await? })
    }
}

impl Accept for AdminSocket {
    type Stream = Box<dyn Stream>;

    async fn accept(&mut self) -> io::Result<(Self::Stream, Caller)> {
        self.listener.accept().await.map(|(stream, peer)| (stream, Caller::Local(peer)))
    }
}
