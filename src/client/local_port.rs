//! A port of this machine, and the connections that come in by it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::net::{Env, Listener, Stream};

/// Connections through one port at the same time.
const MAX_CONNECTIONS: usize = 1024;
/// How long accepting rests after it failed, most likely for want of descriptors.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// What is done with connections.
#[async_trait]
pub(super) trait Serve: Send + Sync + 'static {
    /// Serves one until it ends.
    async fn serve(&self, stream: Box<dyn Stream>, from: SocketAddr);
}

/// A port that is open, and all that came in by it.
#[derive(Debug)]
pub struct LocalPort {
    address: SocketAddr,
    /// Nobody is let in any more.
    shut: CancellationToken,
    /// What runs is cut.
    cut: CancellationToken,
    accepting: TaskTracker,
    connections: TaskTracker,
    /// Looks after those whose reader stands still.
    watching: TaskTracker,
}

impl LocalPort {
    /// Opens it.
    pub(super) async fn open(bind: SocketAddr, env: &Env, service: impl Serve) -> io::Result<Self> {
        let listener = env.net.listen(bind).await?;
        let port = Self {
            address: listener.local_addr()?,
            shut: CancellationToken::new(),
            cut: CancellationToken::new(),
            accepting: TaskTracker::new(),
            connections: TaskTracker::new(),
            watching: TaskTracker::new(),
        };
        let accepting = accept(listener, Arc::new(service), (port.connections.clone(), port.cut.clone()));
        port.accepting.spawn(port.shut.clone().run_until_cancelled_owned(accepting));
        port.watching.spawn(env.readers.clone().watch(port.cut.clone()));
        Ok(port)
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Lets nobody in any more, and what runs run on. Tells how many connections that are.
    pub async fn shut(&self) -> usize {
        self.shut.cancel();
        self.accepting.close();
        self.accepting.wait().await;
        self.connections.close();
        self.connections.len()
    }

    /// Waits until nothing runs any more, once it is [shut](Self::shut).
    pub async fn idle(&self) {
        self.connections.wait().await;
    }

    /// Closes the port and everything that runs through it.
    pub async fn shutdown(self) {
        self.cut.cancel();
        self.shut().await;
        self.idle().await;
        self.watching.close();
        self.watching.wait().await;
    }
}

async fn accept(mut listener: Box<dyn Listener>, service: Arc<impl Serve>, (connections, cut): (TaskTracker, CancellationToken)) {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let permit = permits.clone().acquire_owned().await.expect("it is never closed");
        match listener.accept().await {
            Ok((stream, from)) => {
                let (service, cut) = (service.clone(), cut.clone());
                connections.spawn(async move {
                    // What is cut tells those who wait for it by itself, as its streams are dropped.
                    let _ = cut.run_until_cancelled(service.serve(stream, from)).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
    }
}
