//! The socket that quinn sees.

use std::fmt::{self, Debug};
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};

use super::{driver, gather};

/// The most that the kernel hands over at a time: datagrams that it has put together (GRO) were one packet of IP to it.
const LARGEST: usize = 65_535;

/// The socket. quinn has 32 buffers for each endpoint, each for as many of the largest payloads as the kernel may put together: 64 of 1,452 bytes is more than
/// what can ever come, and of larger ones much more. An agent has an endpoint of its own, so that this is most of its memory.
pub struct UdpSocket {
    inner: Arc<dyn AsyncUdpSocket>,
    /// The largest UDP payload, in bytes.
    max_payload: u16,
}

impl UdpSocket {
    /// Over a socket that sends and receives, whose payloads are at most so large, in bytes.
    pub fn new(inner: Arc<dyn AsyncUdpSocket>, max_payload: u16) -> Self {
        Self { inner, max_payload }
    }
}

impl AsyncUdpSocket for UdpSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        self.inner.clone().create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        driver::gathering(|gather| gather.push(&self.inner, transmit)).unwrap_or_else(|| gather::send_at_once(&self.inner, transmit))
    }

    fn poll_recv(&self, cx: &mut Context<'_>, bufs: &mut [IoSliceMut<'_>], meta: &mut [RecvMeta]) -> Poll<io::Result<usize>> {
        self.inner.poll_recv(cx, bufs, meta)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.inner.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.inner.max_receive_segments().min(LARGEST.div_ceil(self.max_payload.into()))
    }

    fn may_fragment(&self) -> bool {
        self.inner.may_fragment()
    }
}

impl Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
