//! Targets that never answer.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// How long a connection is given before its listener counts as full.
const PATIENCE: Duration = Duration::from_millis(300);
/// Most connections that may fit into a listener's queue.
const MOST: usize = 64;

/// A listener that never accepts and whose queue is full: the kernel drops what further comes.
#[derive(Debug)]
pub(crate) struct Silent {
    address: SocketAddr,
    _listener: Socket,
    _queued: Vec<TcpStream>,
}

impl Silent {
    /// Listens, and fills the queue.
    pub(crate) fn new() -> Self {
        let listener = bound(Type::STREAM);
        listener.listen(0).expect("it listens");
        let address = address(&listener);
        let fill = || TcpStream::connect_timeout(&address, PATIENCE).ok();
        let queued: Vec<_> = std::iter::from_fn(fill).take(MOST).collect();
        assert!(queued.len() < MOST, "the queue has no end");
        Self { address, _listener: listener, _queued: queued }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// A TCP port that is taken and does not listen: connecting to it is refused. It lasts as long as the socket.
pub(crate) fn closed_port() -> (Socket, SocketAddr) {
    let socket = bound(Type::STREAM);
    let address = address(&socket);
    (socket, address)
}

/// A UDP port at which nobody reads. It lasts as long as the socket.
pub(crate) fn mute_port() -> (Socket, SocketAddr) {
    let socket = bound(Type::DGRAM);
    let address = address(&socket);
    (socket, address)
}

fn bound(kind: Type) -> Socket {
    let socket = Socket::new(Domain::IPV4, kind, None).expect("a socket");
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a port");
    socket
}

fn address(socket: &Socket) -> SocketAddr {
    socket.local_addr().expect("an address").as_socket().expect("an IP address")
}
