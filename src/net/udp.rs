//! A UDP socket for quinn, with no larger buffers than a datagram needs.

use std::fmt::{self, Debug};
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};

use super::quic::MAX_UDP_PAYLOAD;

/// The largest UDP datagram, and so the most that the kernel hands over at a time: datagrams that it has put together (GRO) were one packet of IP to it.
const LARGEST: usize = 65_535;

/// The socket. quinn has 32 buffers for each endpoint, each for as many of the largest payloads as the kernel may put together: 64 of 6,500 bytes, six times what can ever come. An
/// agent has an endpoint of its own, so that this is most of its memory.
pub(super) struct UdpSocket(pub(super) Arc<dyn AsyncUdpSocket>);

impl AsyncUdpSocket for UdpSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        self.0.clone().create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.0.try_send(transmit)
    }

    fn poll_recv(&self, cx: &mut Context<'_>, bufs: &mut [IoSliceMut<'_>], meta: &mut [RecvMeta]) -> Poll<io::Result<usize>> {
        self.0.poll_recv(cx, bufs, meta)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.0.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.0.max_receive_segments().min(LARGEST.div_ceil(MAX_UDP_PAYLOAD.into()))
    }

    fn may_fragment(&self) -> bool {
        self.0.may_fragment()
    }
}

impl Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
