//! A port of the test's own in front of a program that would want one of its own choice.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::{Target, wait_for};

/// The port. Dropping it waits until what went through it has ended.
#[derive(Debug)]
pub(crate) struct Door {
    target: Target,
    open: Arc<AtomicUsize>,
}

impl Door {
    /// Starts a program per connection, which is its standard input and output, as inetd does.
    pub(crate) fn spawning(program: impl Fn() -> Command + Send + Sync + 'static) -> Self {
        Self::new(move |stream| {
            let (input, output) = (OwnedFd::from(stream.try_clone()?), OwnedFd::from(stream));
            let mut command = program();
            let mut child = command.stdin(Stdio::from(input)).stdout(Stdio::from(output)).spawn()?;
            // It holds the connection as well.
            drop(command);
            child.wait().map(drop)
        })
    }

    /// Leads to a unix socket.
    pub(crate) fn to_socket(path: PathBuf) -> Self {
        Self::new(move |stream| {
            let (near, far) = (stream, UnixStream::connect(&path)?);
            let (mut near_end, mut far_end) = (near.try_clone()?, far.try_clone()?);
            thread::scope(|scope| {
                scope.spawn(|| {
                    let (mut near, mut far) = (&near, &far);
                    // Either way that direction is over.
                    let _ = io::copy(&mut near, &mut far);
                    let _ = far.shutdown(Shutdown::Write);
                });
                let copied = io::copy(&mut far_end, &mut near_end);
                near.shutdown(Shutdown::Both)?;
                copied.map(drop)
            })
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.target.address()
    }

    fn new(serve: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static) -> Self {
        let open = Arc::new(AtomicUsize::new(0));
        let count = open.clone();
        let target = Target::serving(move |stream| {
            count.fetch_add(1, Ordering::SeqCst);
            let served = serve(stream);
            count.fetch_sub(1, Ordering::SeqCst);
            served
        });
        Self { target, open }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if !thread::panicking() {
            wait_for("what went through the door ends", || (self.open.load(Ordering::SeqCst) == 0).then_some(()));
        }
    }
}
