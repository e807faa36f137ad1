//! `warren forward`: a local TCP port to a service.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;

use super::local_port::{LocalPort, Serve};
use super::session::{Session, log_failure};
use crate::net::relay::End;
use crate::net::{Env, Stream, relay};
use crate::target::Target;

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

impl Forwarding {
    /// Opens the port; each connection to it is a dial of its own.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub async fn open(self, env: &Env, session: Session) -> std::io::Result<LocalPort> {
        LocalPort::open(self.bind, env, Forwarded { forwarding: self, session }).await
    }
}

struct Forwarded {
    forwarding: Forwarding,
    session: Session,
}

#[async_trait]
impl Serve for Forwarded {
    async fn serve(&self, stream: Box<dyn Stream>, from: SocketAddr) {
        carry(&self.session, &self.forwarding, stream, from).await;
    }
}

async fn carry(session: &Session, forwarding: &Forwarding, stream: Box<dyn Stream>, from: SocketAddr) {
    match session.dial(&forwarding.target, forwarding.dial_timeout).await {
        Ok(dialled) => {
            tracing::debug!(%from, service = %forwarding.target, agent = %dialled.agent, trace = %dialled.trace, "connected");
            let relayed =
                relay::local(stream, (dialled.send, dialled.recv), session.readers().begin([None, Some(dialled.sending.received())])).await;
            let (service, trace, end) = (&forwarding.target, dialled.trace, relayed.end.as_str());
            let (sent_bytes, received_bytes) = (relayed.sent_bytes, relayed.received_bytes);
            if matches!(relayed.end, End::Cut | End::Stalled | End::Denied) {
                tracing::warn!(%from, %service, %trace, sent_bytes, received_bytes, end, "a proxy or the agent has cut the stream");
            } else {
                tracing::debug!(%from, %service, %trace, sent_bytes, received_bytes, end, "ended");
            }
        }
        Err(failure) => {
            log_failure(&failure, &forwarding.target);
            // Nobody may take this for an empty answer.
            stream.abort();
        }
    }
}
