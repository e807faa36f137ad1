//! `warren socks`: SOCKS5 and an HTTP proxy on this machine, to everything that the client may reach.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;

use super::local_port::{LocalPort, Serve};
use super::session::{Dialled, Session, log_failure};
use crate::failure::{Code, Failure, Stage};
use crate::ingress::{Connected, Door, Entrance, Visitor, Who};
use crate::limits::Limits;
use crate::net::relay::{self, Relayed};
use crate::net::{Env, Stream};
use crate::target::Target;
use crate::wire::close::Close;

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

impl LocalDoor {
    /// Opens the port.
    ///
    /// # Errors
    /// When it cannot be had.
    pub async fn open(self, env: &Env, session: Session) -> std::io::Result<LocalPort> {
        let serving = Serving {
            door: Door { protocol: self.protocol, header_timeout: Limits::default().header_timeout },
            entrance: SessionEntrance { session, dial_timeout: self.dial_timeout },
        };
        LocalPort::open(self.bind, env, serving).await
    }
}

struct Serving {
    door: Door,
    entrance: SessionEntrance,
}

#[async_trait]
impl Serve for Serving {
    async fn serve(&self, stream: Box<dyn Stream>, from: SocketAddr) {
        let visitor = Visitor { from, who: Who::Anybody };
        let outcome = self.door.serve(stream, visitor, &self.entrance).await;
        tracing::debug!(%from, %outcome, "connection ended");
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
                tracing::debug!(from = %visitor.from, service = %target, agent = %dialled.agent, trace = %dialled.trace, "connected");
                Ok(Box::new(Carried { session: self.session.clone(), dialled }))
            }
            Err(failure) => {
                log_failure(&failure, &target);
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
