//! What every side leads to: a TCP server that does what the first bytes of a connection ask for.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::ensure;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::pattern::{MOST, Place};
use super::traffic::{GREETING, Order, Request};

/// Connections that wait to be accepted: 1,000 come at once.
const BACKLOG: u32 = 4_096;

/// A running target. It ends with the runtime.
pub(crate) struct Target {
    address: SocketAddr,
    runs: Arc<Runs>,
    open: Arc<AtomicUsize>,
    _accepting: JoinHandle<()>,
}

/// What arrived, by the number of a run.
type Runs = Mutex<BTreeMap<u64, Arc<Taken>>>;

/// What arrived by the streams of one run.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    bytes: AtomicU64,
    failure: Mutex<Option<String>>,
}

impl Taken {
    /// How many bytes arrived, all of them as they were sent.
    pub(crate) fn bytes(&self) -> anyhow::Result<u64> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        ensure!(failure.is_none(), "at the target: {}", failure.as_deref().unwrap_or_default());
        Ok(self.bytes.load(Ordering::Relaxed))
    }
}

impl Target {
    /// Listens on loopback.
    pub(crate) fn start() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let listener = socket.listen(BACKLOG)?;
        let (address, runs) = (listener.local_addr()?, Arc::<Runs>::default());
        let (tracker, open) = (TaskTracker::new(), Arc::<AtomicUsize>::default());
        let accepting = tracker.clone().spawn(accept(listener, (runs.clone(), open.clone()), tracker));
        Ok(Self { address, runs, open, _accepting: accepting })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections it has.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// What arrives for a run, from now on.
    pub(crate) fn taken(&self, run: u64) -> Arc<Taken> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).entry(run).or_default().clone()
    }
}

async fn accept(listener: TcpListener, (runs, open): (Arc<Runs>, Arc<AtomicUsize>), tracker: TaskTracker) {
    loop {
        // An error is one of this connection: its client sees it.
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (runs, open) = (runs.clone(), open.clone());
        open.fetch_add(1, Ordering::SeqCst);
        tracker.spawn(async move {
            // A client that is done goes away in the middle.
            let _ = serve(stream, &runs).await;
            open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

async fn serve(mut stream: TcpStream, runs: &Runs) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(&[GREETING]).await?;
    let mut bytes = [0; Request::LENGTH];
    stream.read_exact(&mut bytes).await?;
    let Some(request) = Request::decode(&bytes) else { return Err(io::ErrorKind::InvalidData.into()) };
    match request.order {
        Order::Send => send(stream, request.start).await,
        Order::Echo => echo(stream).await,
        Order::Take => {
            let taken = runs.lock().unwrap_or_else(PoisonError::into_inner).entry(request.run).or_default().clone();
            take(stream, request.start, &taken).await
        }
    }
}

async fn send(mut stream: TcpStream, start: u32) -> io::Result<()> {
    let mut place = Place::new(start);
    loop {
        let sent = stream.write(place.next()).await?;
        place.advance(sent);
    }
}

async fn take(mut stream: TcpStream, start: u32, taken: &Taken) -> io::Result<()> {
    let (mut place, mut buffer) = (Place::new(start), vec![0; MOST]);
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        if let Err(error) = place.check(&buffer[..count]) {
            *taken.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
            return Err(io::ErrorKind::InvalidData.into());
        }
        taken.bytes.fetch_add(count as u64, Ordering::Relaxed);
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; MOST];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return stream.shutdown().await;
        }
        stream.write_all(&buffer[..count]).await?;
    }
}
