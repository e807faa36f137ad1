//! One tunnel: from the dial over the welcome to its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::{RecvStream, SendStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use warren_raft::{ProxyId, Sequence, Service};

use super::events::{Event, Way};
use super::service;
use crate::failure::Failure;
use crate::identity::tls::{self, Expected, SERVER_NAME};
use crate::identity::{Alpn, ClientTls, CredentialsHandle, renew_in};
use crate::net::quic::{self, Profile};
use crate::net::{Budget, Elapsed, Env};
use crate::wire::close::Close;
use crate::wire::{AgentHello, AgentMessage, Hello, ProxyMessage, Waiting, Welcome, frame};

/// How long a handshake may take, on one address.
const HANDSHAKE: Duration = Duration::from_secs(3);
/// How long a proxy may take to say how the route stands: longer than it waits for the leader to confirm who this is, and for the route.
const WELCOME: Duration = Duration::from_secs(15);
/// Streams of one tunnel at the same time: the proxy bounds them by its own limit.
const MAX_STREAMS: u32 = 4096;
/// Most addresses that are tried for one tunnel.
const MAX_ADDRESSES: usize = 16;

/// What every tunnel of an agent has in common.
#[derive(Debug)]
pub(super) struct Tunnels {
    pub(super) env: Env,
    pub(super) endpoint: quinn::Endpoint,
    pub(super) credentials: CredentialsHandle,
    pub(super) services: Arc<Vec<Service>>,
    pub(super) connecting: Arc<service::Connecting>,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) tasks: TaskTracker,
    pub(super) cancel: CancellationToken,
}

/// Why a tunnel did not come about, or is no more.
#[derive(Debug, thiserror::Error)]
enum TunnelError {
    #[error("no address to dial")]
    NoAddress,
    #[error("`{address}` does not resolve: {error}")]
    Resolve { address: String, error: std::io::Error },
    #[error("the dial failed: {0}")]
    Connect(#[from] quinn::ConnectError),
    #[error("{0}")]
    Connection(#[from] quinn::ConnectionError),
    #[error("the control stream broke: {0}")]
    Control(#[from] frame::FrameError),
    #[error(transparent)]
    Elapsed(#[from] Elapsed),
    #[error("refused: {}", .failure.message())]
    Refused { failure: Failure, retry_after: Duration },
    #[error("the proxy did not begin with a welcome")]
    NoWelcome,
    #[error("the agent is stopping")]
    Stopping,
}

impl TunnelError {
    /// Whether the proxy at the address is not the one that was chosen.
    fn is_stranger(&self) -> bool {
        // What the proxy has to say of this machine comes as the connection's close.
        let Self::Connection(error @ quinn::ConnectionError::TransportError(_)) = self else { return false };
        tls::refused(error) == Some(tls::Refused::OtherIdentity)
    }

    /// Why, as a fragment that says what a refusal means.
    fn reason(&self) -> String {
        if self.is_stranger() {
            return "another proxy is at the address".to_owned();
        }
        if let Self::Connection(error) = self
            && let Some(refused) = tls::refused(error)
        {
            return format!("the proxy refused this machine: {refused}");
        }
        self.to_string()
    }
}

impl Tunnels {
    /// Makes and holds a tunnel; tells the supervisor of its life.
    pub(super) async fn run(&self, way: Way, addresses: Vec<String>, sequence: Sequence) {
        let mut proxy = None;
        let ended = tokio::select! {
            ended = self.hold(&way, addresses, sequence, &mut proxy) => ended,
            () = self.cancel.cancelled() => Err(TunnelError::Stopping),
        };
        let reason = ended.as_ref().err().map_or_else(|| "closed".to_owned(), TunnelError::reason);
        let retry_after = match ended {
            Err(TunnelError::Refused { retry_after, .. }) => Some(retry_after),
            _ => None,
        };
        // The supervisor listens as long as there are tunnels.
        if ended.as_ref().err().is_some_and(TunnelError::is_stranger) {
            let _ = self.events.send(Event::Stranger).await;
        }
        let _ = self.events.send(Event::Ended { way, sequence, proxy, reason, retry_after }).await;
    }

    async fn hold(&self, way: &Way, addresses: Vec<String>, sequence: Sequence, proxy: &mut Option<ProxyId>) -> Result<(), TunnelError> {
        let connection = self.connect(way, addresses).await?;
        let guard = CloseOnDrop(connection.clone());
        let (send, mut recv) = Budget::new(WELCOME).run(self.greet(&connection, sequence)).await??;
        let first = Budget::new(WELCOME).run(frame::read(&mut recv, frame::MAX_MESSAGE)).await??;
        *proxy = Some(self.begun(&connection, (way, sequence), first).await?);
        connection.set_max_concurrent_bi_streams(MAX_STREAMS.into());
        let ended = tokio::select! {
            ended = self.listen((way, sequence), *proxy, recv) => ended,
            ended = self.renew(send) => ended,
            ended = self.accept(&connection) => ended,
        };
        drop(guard);
        // Why the connection is gone says more than what broke because of it.
        connection.close_reason().map_or(ended, |reason| Err(reason.into()))
    }

    async fn connect(&self, way: &Way, addresses: Vec<String>) -> Result<quinn::Connection, TunnelError> {
        let mut last = TunnelError::NoAddress;
        for address in addresses {
            let found = match Budget::new(HANDSHAKE).run(self.env.net.resolve(&address)).await? {
                Ok(found) => found,
                Err(error) => {
                    last = TunnelError::Resolve { address, error };
                    continue;
                }
            };
            for address in found.into_iter().take(MAX_ADDRESSES) {
                match Budget::new(HANDSHAKE).run(self.handshake(way, address)).await.map_err(TunnelError::from).flatten() {
                    Ok(connection) => return Ok(connection),
                    Err(error) => last = error,
                }
            }
        }
        Err(last)
    }

    async fn handshake(&self, way: &Way, address: SocketAddr) -> Result<quinn::Connection, TunnelError> {
        let expected = match way {
            Way::Chosen(member) => Expected::Proxy(member.id),
            Way::Entry => Expected::AnyProxy,
        };
        let tls = ClientTls::proxy(&self.credentials, Alpn::Agent, expected, &self.env);
        let config = quic::client_config(tls, &self.env, Profile::Tunnel.dialling(address));
        Ok(self.endpoint.connect_with(config, address, SERVER_NAME)?.await?)
    }

    async fn greet(&self, connection: &quinn::Connection, sequence: Sequence) -> Result<(SendStream, RecvStream), TunnelError> {
        let (mut send, recv) = connection.open_bi().await?;
        let hello = AgentHello { hello: Hello::ours(), sequence, services: self.services.to_vec() };
        frame::write(&mut send, &hello, frame::MAX_MESSAGE).await?;
        Ok((send, recv))
    }

    /// Takes in the proxy's first message, and tells which proxy it is.
    async fn begun(&self, connection: &quinn::Connection, tunnel: (&Way, Sequence), first: ProxyMessage) -> Result<ProxyId, TunnelError> {
        let proxy = match &first {
            ProxyMessage::Welcome(Welcome { proxy, .. }) | ProxyMessage::Waiting(Waiting { proxy, .. }) => *proxy,
            ProxyMessage::Refused { .. } => {
                Close::DONE.close(connection);
                return Err(refused(first));
            }
            ProxyMessage::Cluster(_)
            | ProxyMessage::Leaving
            | ProxyMessage::Renewed { .. }
            | ProxyMessage::Move { .. }
            | ProxyMessage::Retired
            | ProxyMessage::NotUnderstood { .. } => return Err(TunnelError::NoWelcome),
        };
        self.take(tunnel, proxy, first).await?;
        Ok(proxy)
    }

    /// Takes in what the proxy pushes.
    async fn listen(&self, tunnel: (&Way, Sequence), proxy: Option<ProxyId>, mut recv: RecvStream) -> Result<(), TunnelError> {
        let proxy = proxy.ok_or(TunnelError::NoWelcome)?;
        loop {
            let message = frame::read(&mut recv, frame::MAX_MESSAGE).await?;
            self.take(tunnel, proxy, message).await?;
        }
    }

    async fn take(&self, (way, sequence): (&Way, Sequence), proxy: ProxyId, message: ProxyMessage) -> Result<(), TunnelError> {
        let way = way.clone();
        match message {
            ProxyMessage::Welcome(Welcome { cluster, .. }) => self.tell(Event::Welcomed { way, sequence, proxy, cluster }).await,
            ProxyMessage::Waiting(Waiting { cluster, failure, .. }) => {
                let reason = failure.causes().first().map_or_else(|| failure.message().to_owned(), Clone::clone);
                self.tell(Event::Waiting { way, sequence, proxy, cluster, reason }).await
            }
            ProxyMessage::Cluster(cluster) => self.tell(Event::Cluster(cluster)).await,
            ProxyMessage::Leaving => self.tell(Event::Leaving { proxy, sequence }).await,
            ProxyMessage::Renewed { certificate } => self.tell(Event::Renewed { certificate }).await,
            ProxyMessage::Move { .. } | ProxyMessage::Retired | ProxyMessage::NotUnderstood { .. } => Ok(()),
            ProxyMessage::Refused { .. } => Err(refused(message)),
        }
    }

    /// Asks for a fresh certificate when the present one has lived two thirds of its life.
    async fn renew(&self, mut send: SendStream) -> Result<(), TunnelError> {
        loop {
            let current = self.credentials.current();
            tokio::time::sleep(renew_in(&current, &self.env)).await;
            let request = current.key().csr();
            frame::write(&mut send, &AgentMessage::Renew { request }, frame::MAX_MESSAGE).await?;
            tokio::time::sleep(RENEW_RETRY).await;
        }
    }

    async fn accept(&self, connection: &quinn::Connection) -> Result<(), TunnelError> {
        loop {
            let stream = connection.accept_bi().await?;
            let (env, services, connecting) = (self.env.clone(), self.services.clone(), self.connecting.clone());
            let cancel = self.cancel.clone();
            self.tasks.spawn(async move {
                tokio::select! {
                    () = service::carry(&env, &services, &connecting, stream) => {}
                    () = cancel.cancelled() => {}
                }
            });
        }
    }

    async fn tell(&self, event: Event) -> Result<(), TunnelError> {
        self.events.send(event).await.map_err(|_| TunnelError::Stopping)
    }
}

/// How long an answer to a renewal is waited for before it is asked again.
const RENEW_RETRY: Duration = Duration::from_secs(30);

fn refused(message: ProxyMessage) -> TunnelError {
    match message {
        ProxyMessage::Refused { failure, retry_after_ms } => {
            TunnelError::Refused { failure, retry_after: Duration::from_millis(retry_after_ms.into()) }
        }
        ProxyMessage::Welcome(_)
        | ProxyMessage::Waiting(_)
        | ProxyMessage::Cluster(_)
        | ProxyMessage::Leaving
        | ProxyMessage::Renewed { .. }
        | ProxyMessage::Move { .. }
        | ProxyMessage::Retired
        | ProxyMessage::NotUnderstood { .. } => TunnelError::NoWelcome,
    }
}

/// Says goodbye when the tunnel's task ends, so that the proxy need not wait for silence.
struct CloseOnDrop(quinn::Connection);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        Close::DONE.close(&self.0);
    }
}
