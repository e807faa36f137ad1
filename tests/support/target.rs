//! What agents publish: small TCP servers of known manners.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::SockRef;

use super::LONG;

/// What is written at once by those who write without end.
const FLOOD: usize = 64 << 10;

/// A TCP server on loopback. Dropping it ends its accepting; what runs over it ends with its streams.
#[derive(Debug)]
pub(crate) struct Target {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    stopped: Arc<AtomicBool>,
    server: Option<JoinHandle<()>>,
}

impl Target {
    /// Gives back what it gets, and ends when its input has ended.
    pub(crate) fn echo() -> Self {
        Self::serving(|mut stream| {
            let mut reader = stream.try_clone()?;
            std::io::copy(&mut reader, &mut stream)?;
            stream.shutdown(Shutdown::Write)
        })
    }

    /// Says nothing before its input has ended, then how many bytes came, and then `answer`.
    pub(crate) fn answering_at_the_end(answer: Vec<u8>) -> Self {
        Self::serving(move |mut stream| {
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes)?;
            stream.write_all(format!("{}\n", bytes.len()).as_bytes())?;
            stream.write_all(&answer)?;
            stream.shutdown(Shutdown::Write)
        })
    }

    /// Sends `greeting` and closes that direction at once, then reads to the end. The receiver gets what it read.
    pub(crate) fn greeting(greeting: Vec<u8>) -> (Self, Receiver<std::io::Result<Vec<u8>>>) {
        Self::reporting(move |stream| {
            stream.write_all(&greeting)?;
            stream.shutdown(Shutdown::Write)?;
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).map(|_| bytes)
        })
    }

    /// Reads to the end or to a reset. The receiver gets what came of it.
    pub(crate) fn sink() -> (Self, Receiver<std::io::Result<Vec<u8>>>) {
        Self::reporting(|stream| {
            // The first byte tells the client that all hops are there.
            stream.write_all(b"!")?;
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).map(|_| bytes)
        })
    }

    /// Sends a byte, waits for one, and then resets the connection.
    pub(crate) fn resetting() -> Self {
        Self::serving(|mut stream| {
            stream.write_all(b"!")?;
            stream.read_exact(&mut [0])?;
            SockRef::from(&stream).set_linger(Some(Duration::ZERO))
        })
    }

    /// Sends as much as it can and takes as much as it gets, until its client has gone.
    pub(crate) fn flooding() -> Self {
        Self::serving(|mut stream| {
            let mut reader = stream.try_clone()?;
            thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
            loop {
                stream.write_all(&[0; FLOOD])?;
            }
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections it has had.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    fn reporting(
        serve: impl Fn(&mut TcpStream) -> std::io::Result<Vec<u8>> + Send + Sync + 'static,
    ) -> (Self, Receiver<std::io::Result<Vec<u8>>>) {
        let (report, reports): (Sender<std::io::Result<Vec<u8>>>, _) = mpsc::channel();
        let target = Self::serving(move |mut stream| {
            // Nobody may care for the report.
            let _ = report.send(serve(&mut stream));
            Ok(())
        });
        (target, reports)
    }

    /// Serves each connection as it is told, in a thread of its own.
    #[expect(clippy::disallowed_methods, reason = "a target is outside of warren")]
    pub(crate) fn serving(serve: impl Fn(TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let (accepted, stopped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, stop, serve) = (accepted.clone(), stopped.clone(), Arc::new(serve));
        let server = thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                count.fetch_add(1, Ordering::SeqCst);
                let serve = serve.clone();
                // Its client ends it: the processes of a test are gone when the test is.
                thread::spawn(move || serve(stream));
            }
        });
        Self { address, accepted, stopped, server: Some(server) }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the accept loop. One in another network namespace cannot be woken from here, and ends with the test's process.
        let woken = TcpStream::connect_timeout(&self.address, LONG).is_ok();
        if let Some(server) = self.server.take().filter(|_| woken) {
            let _ = server.join();
        }
    }
}
