//! Bytes from one TCP connection to another, and back.

use std::io;
use std::net::SocketAddr;

use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::task::TaskTracker;

/// The buffer of a direction: with tokio's 8 KiB it would be half as fast, with more hardly any faster.
const BUFFER: usize = 64 * 1024;

/// Relays whatever comes.
pub(super) async fn relay(listener: TcpListener, next: SocketAddr) -> anyhow::Result<()> {
    let tracker = TaskTracker::new();
    loop {
        let (near, _) = listener.accept().await?;
        tracker.spawn(async move {
            // Both ends see how it ended.
            let _ = pump(near, next).await;
        });
    }
}

async fn pump(mut near: TcpStream, next: SocketAddr) -> io::Result<()> {
    let mut far = dial(next).await?;
    near.set_nodelay(true)?;
    copy_bidirectional_with_sizes(&mut near, &mut far, BUFFER, BUFFER).await.map(drop)
}

/// Connects.
pub(super) async fn dial(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpSocket::new_v4()?.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
