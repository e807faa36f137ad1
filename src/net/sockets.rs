//! The sockets that warren asks for, as traits.

use std::fmt::Debug;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};

use super::local::LocalError;
use super::process::ProcessUsage;

/// Opens sockets and resolves names. None of the waits has a deadline of its own: each is the caller's to bound.
#[async_trait]
pub trait Net: Debug + Send + Sync + 'static {
    /// Binds a UDP socket for QUIC.
    ///
    /// # Errors
    /// Whatever the system says about the address.
    fn udp(&self, listen: SocketAddr) -> io::Result<Arc<dyn quinn::AsyncUdpSocket>>;

    /// Connects by TCP to `NAME:PORT` or `IP:PORT`, trying every address of the name in order.
    ///
    /// # Errors
    /// The last address's failure, or that the name has no address.
    async fn connect(&self, target: &str) -> io::Result<Box<dyn Stream>>;

    /// Listens for TCP connections.
    ///
    /// # Errors
    /// Whatever the system says about the address.
    async fn listen(&self, addr: SocketAddr) -> io::Result<Box<dyn Listener>>;

    /// Connects to whoever listens at `path` on this machine.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] without a socket there, [`io::ErrorKind::ConnectionRefused`] when nobody listens on it, and whatever else the system says.
    async fn connect_local(&self, path: &Path) -> io::Result<Box<dyn Stream>>;

    /// Listens at `path` for connections of this machine, its owner's only. What a killed process has left there is replaced, and the path is free again once the
    /// listener is dropped.
    ///
    /// # Errors
    /// [`LocalError`] says what is in the way.
    async fn listen_local(&self, path: &Path) -> Result<Box<dyn LocalListener>, LocalError>;

    /// What this process uses of its machine; `None` where nobody tells.
    fn process(&self) -> Option<ProcessUsage> {
        None
    }

    /// The user that this process acts as.
    fn user(&self) -> u32;

    /// Resolves `NAME:PORT` or `IP:PORT` to its addresses, at least one.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] without a port, [`io::ErrorKind::NotFound`] without an address.
    async fn resolve(&self, host_port: &str) -> io::Result<Vec<SocketAddr>>;

    /// The address by which this machine reaches others, if it has one beside loopback.
    fn routable_ip(&self) -> Option<IpAddr>;

    /// The largest UDP payload that the route to `remote` carries in one packet, as far as it is known without sending one.
    fn udp_payload(&self, remote: SocketAddr) -> Option<u16>;

    /// What the system grants as the buffers of a UDP socket, to receive and to send, in bytes.
    ///
    /// # Errors
    /// The socket's.
    fn udp_buffers(&self) -> io::Result<(usize, usize)>;

    /// The timers and tasks that quinn runs on.
    fn runtime(&self) -> Arc<dyn quinn::Runtime>;
}

/// A byte stream with a half-close (shutting the write side down) and an abort.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// Until [`disarm`](Self::disarm), the end of the process, however it comes, is a reset for the other side, which must not take half a stream for a whole one.
    fn arm(&mut self) {}

    /// Everything has been said: an end is one in good order from now on.
    fn disarm(&mut self) {}

    /// Closes at once with a reset (RST), so that the other side can tell it from an orderly end. What was written and not
    /// yet sent is lost.
    fn abort(self: Box<Self>);
}

/// Accepts byte streams.
#[async_trait]
pub trait Listener: Send + 'static {
    /// Waits for the next stream and tells where it comes from.
    ///
    /// # Errors
    /// Whatever the system says: some (a connection reset while it waited, too many open files) are worth another try.
    async fn accept(&mut self) -> io::Result<(Box<dyn Stream>, SocketAddr)>;

    /// The bound address, with the port the system chose where 0 was asked for.
    ///
    /// # Errors
    /// Whatever the system says.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

/// Accepts byte streams of processes on the same machine.
#[async_trait]
pub trait LocalListener: Debug + Send + 'static {
    /// Waits for the next stream and tells whose it is. Safe to cancel.
    ///
    /// # Errors
    /// Whatever the system says; another try is worth it.
    async fn accept(&mut self) -> io::Result<(Box<dyn Stream>, LocalPeer)>;
}

/// The process at the other end of a local stream, as the kernel says it was when it connected (`SO_PEERCRED`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalPeer {
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Itself, where the system tells.
    pub pid: Option<i32>,
}
