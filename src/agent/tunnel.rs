//! One tunnel: from the dial over the welcome to its end.

use std::sync::Arc;
use std::time::Duration;

use quinn::{RecvStream, SendStream};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use warren_raft::{ProxyId, Sequence, Service};

use super::dialling::{Addresses, Dial, Met, Socket};
use super::events::{End, Event, What};
use super::live::Live;
use super::publishing::Publishing;
use super::service;
pub(super) use super::tunnel_error::TunnelError;
use crate::identity::CredentialsHandle;
use crate::net::quic::Priority;
use crate::net::{Budget, Env};
use crate::wire::close::Close;
use crate::wire::{AgentHello, AgentMessage, Heard, Hello, Party, Progress, ProxyMessage, TooOld, Waiting, Welcome, frame};

/// How long a proxy may take to say how the route stands: longer than it waits for the leader to confirm who this is, and for the route.
const WELCOME: Duration = Duration::from_secs(15);
/// How long the last packets of a socket may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// What every tunnel of an agent has in common.
#[derive(Debug)]
pub(super) struct Tunnels {
    pub(super) env: Env,
    pub(super) endpoint: quinn::Endpoint,
    pub(super) credentials: CredentialsHandle,
    pub(super) publishing: Publishing,
    pub(super) connecting: Arc<service::Connecting>,
    pub(super) events: mpsc::Sender<Event>,
    /// How far the agent is, which each proxy is told.
    pub(super) progress: watch::Sender<Progress>,
    pub(super) tasks: TaskTracker,
    pub(super) cancel: CancellationToken,
}

impl Tunnels {
    /// What streams are served with.
    pub(super) fn serving(&self, proxy: Arc<str>) -> service::Serving {
        let Self { env, publishing, connecting, .. } = self;
        service::Serving { env: env.clone(), offer: publishing.now(), connecting: connecting.clone(), proxy }
    }
}

/// A tunnel that is to be.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) sequence: Sequence,
    /// Where to dial.
    pub(super) addresses: Addresses,
    pub(super) socket: Socket,
    /// Cancelled when the tunnel is wanted no more.
    pub(super) retire: CancellationToken,
}

impl Tunnels {
    /// Makes and holds a tunnel; tells the supervisor of its life.
    pub(super) async fn run(self: Arc<Self>, wish: Wish) {
        let sequence = wish.sequence;
        let ended = tokio::select! {
            ended = self.attempt(wish) => ended,
            () = self.cancel.cancelled() => Err(TunnelError::Stopping),
        };
        let end = ended.map_or_else(TunnelError::end, |()| End::Retired);
        // The supervisor listens as long as there are tunnels.
        let _ = self.events.send(Event { sequence, what: What::Ended(end) }).await;
    }

    async fn attempt(self: &Arc<Self>, wish: Wish) -> Result<(), TunnelError> {
        let dial = Dial::new(self, wish.sequence, wish.socket)?;
        let met = tokio::select! {
            met = dial.run(wish.addresses) => met?,
            () = wish.retire.cancelled() => return Ok(()),
        };
        let held = self.hold(met, wish.sequence, wish.retire).await;
        if wish.socket == Socket::Fresh {
            // What is in the socket's queue gets out before the socket goes.
            let _ = Budget::new(GOODBYE).run(dial.endpoint.wait_idle()).await;
        }
        held
    }

    async fn hold(&self, met: Met, sequence: Sequence, retire: CancellationToken) -> Result<(), TunnelError> {
        let connection = met.connection;
        let _guard = CloseOnDrop(connection.clone());
        let held = async {
            // What changes from here on is said on the tunnel.
            let mut services = self.publishing.subscribe();
            let published = services.borrow_and_update().services.clone();
            let (mut send, mut recv) = Budget::new(WELCOME).run(self.greet(&connection, sequence, published)).await??;
            let first = Budget::new(WELCOME).run(first(&mut send, &mut recv)).await??;
            must_begin(&first, met.proxy)?;
            must_speak(&first).inspect_err(|error| Close::VERSION.close_because(&connection, error))?;
            let live = Live::new(self, sequence, met.proxy, (connection.clone(), retire));
            live.take(first).await?;
            live.run(send, recv, services).await
        };
        // Why the connection is gone says more than what broke because of it.
        match held.await {
            Err(error @ (TunnelError::Silent | TunnelError::Refused { .. } | TunnelError::TooOld(_) | TunnelError::Stopping)) => Err(error),
            ended => connection.close_reason().map_or(ended, |reason| Err(reason.into())),
        }
        .map_err(|error| if matches!(error, TunnelError::Refused { .. }) { error } else { error.at(met.address) })
    }

    async fn greet(
        &self,
        connection: &quinn::Connection,
        sequence: Sequence,
        services: Vec<Service>,
    ) -> Result<(SendStream, RecvStream), TunnelError> {
        let (mut send, recv) = connection.open_bi().await?;
        Priority::Control.set(&send);
        let hello = AgentHello { hello: Hello::ours(), sequence, services };
        frame::write(&mut send, &hello, frame::MAX_MESSAGE).await?;
        Ok((send, recv))
    }
}

/// The first message that this version knows.
async fn first(send: &mut SendStream, recv: &mut RecvStream) -> Result<ProxyMessage, frame::FrameError> {
    loop {
        match frame::hear(recv, frame::MAX_MESSAGE).await? {
            Heard::Known(message) => return Ok(message),
            Heard::Unknown(number) => frame::write(send, &AgentMessage::NotUnderstood { number }, frame::MAX_MESSAGE).await?,
        }
    }
}

/// Whether a proxy that begins with this speaks a version that is spoken here.
fn must_speak(first: &ProxyMessage) -> Result<(), TooOld> {
    let (ProxyMessage::Welcome(Welcome { hello, proxy, .. }) | ProxyMessage::Waiting(Waiting { hello, proxy, .. })) = first else {
        return Ok(());
    };
    let agreed = hello.agree(Party::Proxy)?;
    tracing::debug!(%proxy, version = agreed.version, features = agreed.features, software = hello.software(), "hello");
    Ok(())
}

/// Whether the proxy's first message is one to begin with, and of the proxy that its certificate names.
fn must_begin(first: &ProxyMessage, met: ProxyId) -> Result<(), TunnelError> {
    match first {
        ProxyMessage::Welcome(Welcome { proxy, .. }) | ProxyMessage::Waiting(Waiting { proxy, .. }) if *proxy == met => Ok(()),
        ProxyMessage::Refused { failure, retry_after_ms } => Err(refused(failure.clone(), *retry_after_ms)),
        ProxyMessage::Welcome(_)
        | ProxyMessage::Waiting(_)
        | ProxyMessage::Cluster(_)
        | ProxyMessage::Leaving
        | ProxyMessage::Renewed { .. }
        | ProxyMessage::Move { .. }
        | ProxyMessage::Retired
        | ProxyMessage::Authorities(_)
        | ProxyMessage::NotRenewed { .. }
        | ProxyMessage::Published
        | ProxyMessage::NotPublished { .. }
        | ProxyMessage::NotUnderstood { .. } => Err(TunnelError::NoWelcome),
    }
}

pub(super) fn refused(failure: crate::failure::Failure, retry_after_ms: u32) -> TunnelError {
    TunnelError::Refused { failure, retry_after: Duration::from_millis(retry_after_ms.into()) }
}

/// Says goodbye when the tunnel's task ends, so that the proxy need not wait for silence.
struct CloseOnDrop(quinn::Connection);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        Close::DONE.close(&self.0);
    }
}
