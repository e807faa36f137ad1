//! A network that counts what each receive brings, and lets quinn send as it would by itself.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use async_trait::async_trait;
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, Runtime, TokioRuntime, UdpPoller};
use warren::net::{Listener, LocalError, LocalListener, Net, Stream};

use super::side::Sends;

/// What was received.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    receives: AtomicU64,
    messages: AtomicU64,
    packets: AtomicU64,
}

impl Counts {
    /// Begins anew.
    pub(crate) fn forget(&self) {
        for count in [&self.receives, &self.messages, &self.packets] {
            count.store(0, Ordering::Relaxed);
        }
    }

    pub(crate) fn per_message(&self) -> f64 {
        ratio(&self.packets, &self.messages)
    }

    pub(crate) fn per_receive(&self) -> f64 {
        ratio(&self.packets, &self.receives)
    }

    fn add(&self, meta: &[RecvMeta]) {
        self.receives.fetch_add(1, Ordering::Relaxed);
        self.messages.fetch_add(meta.len() as u64, Ordering::Relaxed);
        let packets: usize = meta.iter().map(|meta| meta.len.div_ceil(meta.stride.max(1))).sum();
        self.packets.fetch_add(packets as u64, Ordering::Relaxed);
    }
}

fn ratio(part: &AtomicU64, whole: &AtomicU64) -> f64 {
    part.load(Ordering::Relaxed) as f64 / whole.load(Ordering::Relaxed).max(1) as f64
}

/// The real network, counted.
#[derive(Debug)]
pub(crate) struct Wrapped {
    pub(crate) inner: Arc<dyn Net>,
    pub(crate) sends: Sends,
    pub(crate) counts: Arc<Counts>,
}

#[async_trait]
impl Net for Wrapped {
    fn udp(&self, listen: SocketAddr) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        Ok(Arc::new(Counting { inner: self.inner.udp(listen)?, counts: self.counts.clone() }))
    }

    async fn connect(&self, target: &str) -> io::Result<Box<dyn Stream>> {
        self.inner.connect(target).await
    }

    async fn listen(&self, addr: SocketAddr) -> io::Result<Box<dyn Listener>> {
        self.inner.listen(addr).await
    }

    async fn connect_local(&self, path: &Path) -> io::Result<Box<dyn Stream>> {
        self.inner.connect_local(path).await
    }

    async fn listen_local(&self, path: &Path) -> Result<Box<dyn LocalListener>, LocalError> {
        self.inner.listen_local(path).await
    }

    fn user(&self) -> u32 {
        self.inner.user()
    }

    async fn resolve(&self, host_port: &str) -> io::Result<Vec<SocketAddr>> {
        self.inner.resolve(host_port).await
    }

    fn routable_ip(&self) -> Option<IpAddr> {
        self.inner.routable_ip()
    }

    fn udp_payload(&self, remote: SocketAddr) -> Option<u16> {
        self.inner.udp_payload(remote)
    }

    fn udp_buffers(&self) -> io::Result<(usize, usize)> {
        self.inner.udp_buffers()
    }

    fn runtime(&self) -> Arc<dyn Runtime> {
        match self.sends {
            Sends::AsMade => Arc::new(TokioRuntime),
            Sends::Gathered => self.inner.runtime(),
        }
    }
}

#[derive(Debug)]
struct Counting {
    inner: Arc<dyn AsyncUdpSocket>,
    counts: Arc<Counts>,
}

impl AsyncUdpSocket for Counting {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        self.inner.clone().create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.inner.try_send(transmit)
    }

    fn poll_recv(&self, cx: &mut Context<'_>, bufs: &mut [IoSliceMut<'_>], meta: &mut [RecvMeta]) -> Poll<io::Result<usize>> {
        let received = self.inner.poll_recv(cx, bufs, meta);
        if let Poll::Ready(Ok(messages)) = received {
            self.counts.add(&meta[..messages]);
        }
        received
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.inner.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.inner.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.inner.may_fragment()
    }
}
