//! The operating system behind the traits.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use quinn::Runtime;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use warren_raft::Timestamp;

use super::local::{self, LocalError};
use super::process::{self, ProcessUsage};
use super::quic::Settings;
use super::route;
use super::shown;
use super::sockets::{Listener, LocalListener, Net, Stream};
use super::udp::{GatheringRuntime, UdpSocket};
use super::wall::Wall;

/// How many bytes the kernel takes for a TCP stream beyond what it can send now.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 128 << 10;

/// tokio's sockets and quinn's UDP.
#[derive(Debug, Clone, Copy)]
pub struct RealNet {
    udp_buffer: usize,
    max_udp_payload: u16,
}

impl RealNet {
    /// One whose UDP sockets are as they are set.
    pub fn new(quic: &Settings) -> Self {
        Self { udp_buffer: quic.udp_buffer, max_udp_payload: quic.max_udp_payload }
    }
}

#[async_trait]
impl Net for RealNet {
    fn udp(&self, listen: SocketAddr) -> io::Result<Arc<dyn quinn::AsyncUdpSocket>> {
        let socket = Socket::new(Domain::for_address(listen), Type::DGRAM, Some(Protocol::UDP))?;
        if listen.is_ipv6() {
            // Some systems default to IPv6 only; `[::]` is meant to serve both families everywhere.
            socket.set_only_v6(false)?;
        }
        widen(&socket, self.udp_buffer);
        socket.set_nonblocking(true)?;
        socket.bind(&listen.into())?;
        Ok(Arc::new(UdpSocket::new(quinn::TokioRuntime.wrap_udp_socket(socket.into())?, self.max_udp_payload)))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the seam")]
    async fn connect(&self, target: &str) -> io::Result<Box<dyn Stream>> {
        let mut failure = no_address(target);
        for addr in self.resolve(target).await? {
            match tokio::net::TcpStream::connect(addr).await {
                Ok(stream) => return TcpStream::boxed(stream),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the seam")]
    async fn listen(&self, addr: SocketAddr) -> io::Result<Box<dyn Listener>> {
        Ok(Box::new(TcpListener(tokio::net::TcpListener::bind(addr).await?)))
    }

    async fn connect_local(&self, path: &Path) -> io::Result<Box<dyn Stream>> {
        Ok(Box::new(local::connect(path).await?))
    }

    async fn listen_local(&self, path: &Path) -> Result<Box<dyn LocalListener>, LocalError> {
        Ok(Box::new(local::listen(path).await?))
    }

    fn process(&self) -> Option<ProcessUsage> {
        process::usage()
    }

    fn user(&self) -> u32 {
        rustix::process::geteuid().as_raw()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the seam")]
    async fn resolve(&self, host_port: &str) -> io::Result<Vec<SocketAddr>> {
        let addrs: Vec<_> = tokio::net::lookup_host(host_port).await?.collect();
        if addrs.is_empty() { Err(no_address(host_port)) } else { Ok(addrs) }
    }

    #[expect(clippy::disallowed_methods, reason = "this is the seam")]
    fn routable_ip(&self) -> Option<IpAddr> {
        // Connecting a UDP socket sends nothing: the kernel only looks up its route. The address is one for documentation (RFC 5737).
        let socket = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
        let ip = socket.local_addr().ok()?.ip();
        (!ip.is_unspecified() && !ip.is_loopback()).then_some(ip)
    }

    fn udp_payload(&self, remote: SocketAddr) -> Option<u16> {
        route::udp_payload(remote).ok()
    }

    fn udp_buffers(&self) -> io::Result<(usize, usize)> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        widen(&socket, self.udp_buffer);
        // Linux reports twice what it granted: the rest is for its own bookkeeping.
        Ok((socket.recv_buffer_size()? / 2, socket.send_buffer_size()? / 2))
    }

    fn runtime(&self) -> Arc<dyn Runtime> {
        Arc::new(GatheringRuntime)
    }
}

fn no_address(target: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("`{target}` has no address"))
}

/// Asks for large buffers; a refusal costs speed, not function.
fn widen(socket: &Socket, wanted: usize) {
    let asked = socket.set_recv_buffer_size(wanted).and_then(|()| socket.set_send_buffer_size(wanted));
    let granted = socket.recv_buffer_size().and_then(|recv| Ok(recv.min(socket.send_buffer_size()?)));
    match asked.and(granted) {
        // Linux reports twice what it granted; a quarter of what was asked for is where loss begins to show.
        Ok(granted) if granted < wanted / 4 => {
            tracing::warn!(
                granted,
                wanted,
                "udp socket buffers are small, bursts will be lost: raise net.core.rmem_max and net.core.wmem_max"
            );
        }
        Ok(granted) => tracing::debug!(granted, wanted, "udp socket buffers"),
        Err(error) => tracing::warn!(%error, "cannot set udp socket buffers"),
    }
}

/// What a local reader does not take is to wait where it is counted and held back, and not in megabytes of the kernel's: a writer that is woken only when a
/// third of those are gone looks as if its reader had stopped.
fn keep_little_unsent(stream: &tokio::net::TcpStream) {
    #[cfg(target_os = "linux")]
    if let Err(error) = SockRef::from(stream).set_tcp_notsent_lowat(UNSENT) {
        tracing::debug!(%error, "the kernel keeps as much unsent as it likes");
    }
}

struct TcpStream(tokio::net::TcpStream);

impl TcpStream {
    fn boxed(stream: tokio::net::TcpStream) -> io::Result<Box<dyn Stream>> {
        stream.set_nodelay(true)?;
        keep_little_unsent(&stream);
        Ok(Box::new(Self(stream)))
    }
}

impl Stream for TcpStream {
    fn arm(&mut self) {
        // Where the option cannot be set the stream is gone already.
        let _ = SockRef::from(&self.0).set_linger(Some(Duration::ZERO));
    }

    fn disarm(&mut self) {
        let _ = SockRef::from(&self.0).set_linger(None);
    }

    fn abort(self: Box<Self>) {
        // Where the option cannot be set the stream is gone already, and dropping it is all that is left to do.
        let _ = SockRef::from(&self.0).set_linger(Some(Duration::ZERO));
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

struct TcpListener(tokio::net::TcpListener);

#[async_trait]
impl Listener for TcpListener {
    async fn accept(&mut self) -> io::Result<(Box<dyn Stream>, SocketAddr)> {
        let (stream, from) = self.0.accept().await?;
        Ok((TcpStream::boxed(stream)?, shown(from)))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealWall;

impl Wall for RealWall {
    #[expect(clippy::disallowed_methods, reason = "this is the seam")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    fn net() -> RealNet {
        RealNet::new(&Settings::default())
    }

    async fn pair() -> (Box<dyn Stream>, Box<dyn Stream>) {
        let mut listener = net().listen(LOOPBACK).await.expect("a port");
        let addr = listener.local_addr().expect("an address").to_string();
        let net = net();
        let (near, far) = tokio::join!(net.connect(&addr), listener.accept());
        (near.expect("connected"), far.expect("accepted").0)
    }

    #[tokio::test]
    async fn a_half_close_leaves_the_other_direction_open() {
        let (mut near, mut far) = pair().await;
        near.write_all(b"question").await.expect("written");
        near.shutdown().await.expect("half-closed");
        let mut text = String::new();
        far.read_to_string(&mut text).await.expect("read to the end");
        far.write_all(b"answer").await.expect("written");
        drop(far);
        near.read_to_string(&mut text).await.expect("read to the end");
        assert_eq!(text, "questionanswer");
    }

    #[tokio::test]
    async fn an_abort_is_a_reset() {
        let (near, mut far) = pair().await;
        near.abort();
        let error = far.read_u8().await.expect_err("reset");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn who_comes_by_ipv4_is_shown_by_ipv4() {
        // A machine without IPv6 has no such address.
        let Ok(mut listener) = net().listen("[::]:0".parse().expect("an address")).await else { return };
        let addr = format!("127.0.0.1:{}", listener.local_addr().expect("an address").port());
        let net = net();
        let (near, far) = tokio::join!(net.connect(&addr), listener.accept());
        near.expect("connected");
        assert_eq!(far.expect("accepted").1.ip(), Ipv4Addr::LOCALHOST);
    }

    #[tokio::test]
    async fn names_resolve_and_bad_ones_say_so() {
        let addrs = net().resolve("localhost:80").await.expect("resolved");
        assert!(addrs.iter().all(|addr| addr.ip().is_loopback() && addr.port() == 80));
        assert!(net().resolve("localhost").await.is_err());
    }

    #[tokio::test]
    async fn a_buffer_takes_what_can_come_and_not_much_more() {
        let socket = net().udp(LOOPBACK).expect("a port");
        let buffer = socket.max_receive_segments() * usize::from(Settings::default().max_udp_payload);
        // A kernel that puts nothing together hands over one datagram at a time.
        assert!(socket.max_receive_segments() == 1 || (65_535..2 * 65_535).contains(&buffer), "{buffer}");
    }

    #[tokio::test]
    async fn udp_serves_both_families() {
        for listen in ["127.0.0.1:0", "[::1]:0"] {
            let listen: SocketAddr = listen.parse().expect("an address");
            match net().udp(listen) {
                Ok(socket) => assert_ne!(socket.local_addr().expect("an address").port(), 0),
                // A machine without IPv6 has no such address.
                Err(error) => assert!(listen.is_ipv6(), "{error}"),
            }
        }
    }
}
