//! The UDP socket of a simulated host.

use std::fmt::{self, Debug};
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};

use super::wire::{HostId, Network};

/// How many packets may leave in one send, as with generic segmentation offload.
const SEGMENTS: usize = 10;

/// A bound socket.
pub(super) struct SimUdp {
    network: Network,
    host: HostId,
    address: SocketAddr,
    number: u64,
}

impl SimUdp {
    pub(super) fn bind(network: Network, host: HostId, listen: SocketAddr) -> io::Result<Self> {
        let (address, number) = network.bind(host, listen)?;
        Ok(Self { network, host, address, number })
    }
}

impl Drop for SimUdp {
    fn drop(&mut self) {
        self.network.unbind(self.address, self.number);
    }
}

impl AsyncUdpSocket for SimUdp {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Writable)
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let size = transmit.segment_size.unwrap_or(transmit.contents.len()).max(1);
        for segment in transmit.contents.chunks(size) {
            self.network.send(self.host, self.address, transmit.destination, segment);
        }
        Ok(())
    }

    fn poll_recv(&self, cx: &mut Context<'_>, bufs: &mut [IoSliceMut<'_>], meta: &mut [RecvMeta]) -> Poll<io::Result<usize>> {
        let mut count = 0;
        for (buf, meta) in bufs.iter_mut().zip(meta) {
            let Some(arrived) = self.network.receive((self.address, self.number), cx.waker()) else { break };
            let len = arrived.bytes.len().min(buf.len());
            buf[..len].copy_from_slice(&arrived.bytes[..len]);
            *meta = RecvMeta { addr: arrived.from, len, stride: len, ecn: None, dst_ip: Some(self.address.ip()) };
            count += 1;
        }
        if count == 0 { Poll::Pending } else { Poll::Ready(Ok(count)) }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }

    fn max_transmit_segments(&self) -> usize {
        SEGMENTS
    }

    fn may_fragment(&self) -> bool {
        false
    }
}

impl Debug for SimUdp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimUdp({})", self.address)
    }
}

/// There is always room to send.
#[derive(Debug)]
struct Writable;

impl UdpPoller for Writable {
    fn poll_writable(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
