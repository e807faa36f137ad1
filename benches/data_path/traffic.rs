//! What a client does, and how it tells the target what to do.
//!
//! The target greets each connection by one byte as soon as it has accepted it: then every hop is there. Whoever has something to ask for sends a [`Request`], before that or after.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::pattern::{MOST, Place};

/// The first byte that the target sends.
pub(crate) const GREETING: u8 = b'!';
/// How long a connection may take to stand: far longer than it ever does.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the target is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Send without end.
    Send,
    /// Take and count whatever comes.
    Take,
    /// Give back whatever comes.
    Echo,
}

/// What is asked of the target, the first bytes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// What it is to do.
    pub(crate) order: Order,
    /// Where in the pattern the stream begins.
    pub(crate) start: u32,
    /// Under which number it counts.
    pub(crate) run: u64,
}

impl Request {
    /// The bytes of one.
    pub(crate) const LENGTH: usize = 16;

    /// As it travels.
    pub(crate) fn encode(self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes[0] = match self.order {
            Order::Send => 1,
            Order::Take => 2,
            Order::Echo => 3,
        };
        bytes[4..8].copy_from_slice(&self.start.to_le_bytes());
        bytes[8..].copy_from_slice(&self.run.to_le_bytes());
        bytes
    }

    /// Reads one.
    pub(crate) fn decode(bytes: &[u8; Self::LENGTH]) -> Option<Self> {
        let order = match bytes[0] {
            1 => Order::Send,
            2 => Order::Take,
            3 => Order::Echo,
            _ => return None,
        };
        let start = u32::from_le_bytes(bytes[4..8].try_into().ok()?);
        Some(Self { order, start, run: u64::from_le_bytes(bytes[8..].try_into().ok()?) })
    }
}

/// Connects, and does not wait for anything else.
pub(crate) async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpSocket::new_v4()?.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Lets the stream end by a reset when it is dropped: what it has sent and nobody has taken is to be thrown away.
fn cut_at_the_end(stream: &TcpStream) -> io::Result<()> {
    SockRef::from(stream).set_linger(Some(Duration::ZERO))
}

/// Connects, and waits until every hop is there.
pub(crate) async fn greeted(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let opened = async {
        let mut stream = connect(address).await?;
        let greeting = stream.read_u8().await?;
        io::Result::Ok((stream, greeting))
    };
    let (stream, greeting) = timeout(PATIENCE, opened).await.context("no connection in time")?.context("no connection")?;
    ensure!(greeting == GREETING, "the first byte is another one than the target sends");
    Ok(stream)
}

/// The same, and asks for something.
pub(crate) async fn open(address: SocketAddr, request: Request) -> anyhow::Result<TcpStream> {
    let mut stream = greeted(address).await?;
    stream.write_all(&request.encode()).await.context("nothing can be asked for")?;
    Ok(stream)
}

/// Reads, checks and counts what the target sends, until it ends, which it does not by itself.
pub(crate) async fn download(mut stream: TcpStream, start: u32, count: &AtomicU64) -> anyhow::Result<()> {
    let (mut place, mut buffer) = (Place::new(start), vec![0; MOST]);
    loop {
        let arrived = stream.read(&mut buffer).await.context("a download was cut")?;
        ensure!(arrived > 0, "a download ended");
        place.check(&buffer[..arrived])?;
        count.fetch_add(arrived as u64, Ordering::Relaxed);
    }
}

/// Sends to the target, which counts, until it is cut.
pub(crate) async fn upload(mut stream: TcpStream, start: u32) -> anyhow::Result<()> {
    cut_at_the_end(&stream)?;
    let mut place = Place::new(start);
    loop {
        let sent = stream.write(place.next()).await.context("an upload was cut")?;
        place.advance(sent);
    }
}
