//! `warren socks`: SOCKS5 and an HTTP proxy on this machine, to everything that the client may reach.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::session::{Dialled, Session};
use crate::failure::{Code, Failure, Stage};
use crate::ingress::{Connected, Door, Entrance, Visitor, Who};
use crate::limits::Limits;
use crate::net::relay::{self, Relayed};
use crate::net::{Env, Listener, Stream};
use crate::target::Target;
use crate::wire::close::Close;

/// Connections through one port at the same time.
const MAX_CONNECTIONS: usize = 1024;
/// How long accepting rests after it failed, most likely for want of descriptors.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// A local port where whoever comes names a target.
#[derive(Clone, Debug)]
pub struct LocalDoor {
    /// Where to listen; port 0 picks one.
    pub bind: SocketAddr,
    /// What is spoken there.
    pub protocol: crate::ingress::Protocol,
    /// How long a dial may take.
    pub dial_timeout: Duration,
}

/// A local port that is open.
#[derive(Debug)]
pub struct RunningDoor {
    address: SocketAddr,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

impl LocalDoor {
    /// Opens the port.
    ///
    /// # Errors
    /// When it cannot be had.
    pub async fn open(self, env: &Env, session: Session) -> std::io::Result<RunningDoor> {
        let listener = env.net.listen(self.bind).await?;
        let address = listener.local_addr()?;
        let (cancel, tasks) = (CancellationToken::new(), TaskTracker::new());
        let accepting = Accepting {
            door: Door { protocol: self.protocol, header_timeout: Limits::default().header_timeout },
            entrance: SessionEntrance { session, dial_timeout: self.dial_timeout },
            cancel: cancel.clone(),
            tasks: tasks.clone(),
        };
        tasks.spawn(Arc::new(accepting).run(listener));
        tasks.spawn(env.readers.clone().watch(cancel.clone()));
        Ok(RunningDoor { address, cancel, tasks })
    }
}

impl RunningDoor {
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
    door: Door,
    entrance: SessionEntrance,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

impl Accepting {
    async fn run(self: Arc<Self>, mut listener: Box<dyn Listener>) {
        let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let cancel = self.cancel.clone();
        let accepting = async {
            loop {
                let permit = permits.clone().acquire_owned().await.expect("it is never closed");
                match listener.accept().await {
                    Ok((stream, from)) => {
                        let serving = self.clone();
                        self.tasks.spawn(async move {
                            serving.serve(stream, from).await;
                            drop(permit);
                        });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a connection cannot be accepted");
                        tokio::time::sleep(ACCEPT_REST).await;
                    }
                }
            }
        };
        cancel.run_until_cancelled(accepting).await;
    }

    async fn serve(&self, stream: Box<dyn Stream>, from: SocketAddr) {
        let visitor = Visitor { from, who: Who::Anybody };
        if let Some(outcome) = self.cancel.run_until_cancelled(self.door.serve(stream, visitor, &self.entrance)).await {
            tracing::debug!(%from, %outcome, "connection ended");
        }
    }
}

/// A client's session as what a way in leads to: everybody on this machine is the client.
struct SessionEntrance {
    session: Session,
    dial_timeout: Duration,
}

#[async_trait]
impl Entrance for SessionEntrance {
    fn name(&self) -> &str {
        "warren-socks"
    }

    async fn authenticate(&self, _from: SocketAddr, _name: &str, _secret: &str) -> Result<Who, Failure> {
        Err(Failure::new(Code::Denied, Stage::Local, "nobody is asked for a name here"))
    }

    async fn dial(&self, target: Target, visitor: &Visitor) -> Result<Box<dyn Connected>, Failure> {
        match self.session.dial(&target, self.dial_timeout).await {
            Ok(dialled) => {
                tracing::debug!(from = %visitor.from, %target, agent = %dialled.agent, trace = %dialled.trace, "connected");
                Ok(Box::new(Carried { session: self.session.clone(), dialled }))
            }
            Err(failure) => {
                tracing::warn!(%target, code = %failure.code(), "{failure}");
                Err(failure)
            }
        }
    }
}

struct Carried {
    session: Session,
    dialled: Dialled,
}

#[async_trait]
impl Connected for Carried {
    fn trace(&self) -> String {
        self.dialled.trace.to_string()
    }

    async fn carry(self: Box<Self>, stream: Box<dyn Stream>) -> Option<Relayed> {
        let Dialled { send, recv, sending, .. } = self.dialled;
        let carried = self.session.readers().begin([None, Some(sending.received())]);
        Some(relay::local(stream, (send, recv), carried).await)
    }

    fn give_up(mut self: Box<Self>) {
        Close::CANCELLED.abort(&mut self.dialled.send, &mut self.dialled.recv);
    }
}
