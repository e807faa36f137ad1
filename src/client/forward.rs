//! `warren forward`: a local TCP port to a service.

use std::net::SocketAddr;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::session::Session;
use crate::net::relay::End;
use crate::net::{Env, Listener, Stream, relay};
use crate::target::Target;

/// Connections through one port at the same time.
const MAX_CONNECTIONS: usize = 1024;
/// How long accepting rests after it failed, most likely for want of descriptors.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// A local port and the service behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forwarding {
    /// Where to listen; port 0 picks one.
    pub bind: SocketAddr,
    /// What is behind it.
    pub target: Target,
    /// How long a dial may take.
    pub dial_timeout: Duration,
}

/// A port that is open.
#[derive(Debug)]
pub struct RunningForward {
    address: SocketAddr,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

impl Forwarding {
    /// Opens the port; each connection to it is a dial of its own.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub async fn open(self, env: &Env, session: Session) -> std::io::Result<RunningForward> {
        let listener = env.net.listen(self.bind).await?;
        let address = listener.local_addr()?;
        let (cancel, tasks) = (CancellationToken::new(), TaskTracker::new());
        let accepting = Accepting { forwarding: self, session, cancel: cancel.clone(), tasks: tasks.clone() };
        tasks.spawn(accepting.run(listener));
        tasks.spawn(env.readers.clone().watch(cancel.clone()));
        Ok(RunningForward { address, cancel, tasks })
    }
}

impl RunningForward {
    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Closes the port and everything that runs through it.
    pub async fn shutdown(self) {
        self.cancel.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

struct Accepting {
    forwarding: Forwarding,
    session: Session,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

impl Accepting {
    async fn run(self, mut listener: Box<dyn Listener>) {
        let permits = std::sync::Arc::new(tokio::sync::Semaphore::new(MAX_CONNECTIONS));
        loop {
            let permit = permits.clone().acquire_owned().await.expect("it is never closed");
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.cancel.cancelled() => return,
            };
            match accepted {
                Ok((stream, from)) => {
                    let (session, forwarding, cancel) = (self.session.clone(), self.forwarding.clone(), self.cancel.clone());
                    self.tasks.spawn(async move {
                        tokio::select! {
                            () = carry(&session, &forwarding, stream, from) => {}
                            () = cancel.cancelled() => {}
                        }
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "connection not accepted");
                    tokio::time::sleep(ACCEPT_REST).await;
                }
            }
        }
    }
}

async fn carry(session: &Session, forwarding: &Forwarding, stream: Box<dyn Stream>, from: SocketAddr) {
    match session.dial(&forwarding.target, forwarding.dial_timeout).await {
        Ok(dialled) => {
            tracing::debug!(%from, target = %forwarding.target, agent = %dialled.agent, trace = %dialled.trace, "connected");
            let relayed =
                relay::local(stream, (dialled.send, dialled.recv), session.readers().begin([None, Some(dialled.sending.received())])).await;
            let (target, trace, end) = (&forwarding.target, dialled.trace, relayed.end.as_str());
            let (sent_bytes, received_bytes) = (relayed.sent_bytes, relayed.received_bytes);
            if matches!(relayed.end, End::Cut | End::Stalled | End::Denied) {
                tracing::warn!(%from, %target, %trace, sent_bytes, received_bytes, end, "a proxy or the agent has cut the stream");
            } else {
                tracing::debug!(%from, %target, %trace, sent_bytes, received_bytes, end, "ended");
            }
        }
        Err(failure) => {
            tracing::warn!(target = %forwarding.target, code = %failure.code(), "{failure}");
            // Nobody may take this for an empty answer.
            stream.abort();
        }
    }
}
