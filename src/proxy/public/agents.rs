//! Agents: from the hello over the committed route to the end of the tunnel.
//!
//! ```text
//!  handshake -> hello -> services published -> route committed -> welcome -> dials, pushes ... -> gone -> route withdrawn
//! ```
//! It must *never* welcome an agent whose route is not committed.

use std::sync::Arc;
use std::time::Duration;

use quinn::{RecvStream, SendStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use warren_raft::table::MAX_SERVICES;
use warren_raft::{AgentName, Command, KeyHash, ProposeError, ProxyId, RoutingStore, TokenRole};

use super::enroll::is_enrolled;
use super::members::ClusterView;
use super::renew::renew;
use crate::failure::{Code, Failure, Stage};
use crate::identity::{Identity, Role};
use crate::net::{Budget, Env};
use crate::proxy::registrar::{Registered, Registrar};
use crate::proxy::tunnels::{Tunnel, Tunnels};
use crate::wire::close::Close;
use crate::wire::{AgentHello, AgentMessage, Hello, ProxyMessage, Welcome, frame};

/// Longest target of a service: a host name (RFC 1035: 253) with a port.
const MAX_TARGET: usize = 260;
/// How long the hello may take to arrive.
const HELLO: Duration = Duration::from_secs(5);
/// How long the cluster may take to commit the route.
const COMMIT: Duration = Duration::from_secs(10);
/// How long a push may take to be written.
const PUSH: Duration = Duration::from_secs(5);
/// When a refused agent may try again.
const RETRY_AFTER_MS: u32 = 1000;

/// Serves the tunnels of agents.
#[derive(Debug)]
pub(crate) struct Agents {
    /// This proxy.
    pub me: ProxyId,
    /// Its name, for failures.
    pub name: String,
    /// The clock and the randomness.
    pub env: Env,
    /// Who is known.
    pub store: RoutingStore,
    /// The tunnels that are here.
    pub tunnels: Arc<Tunnels>,
    /// The way into the table.
    pub registrar: Arc<Registrar>,
    /// Streams of one tunnel at the same time.
    pub streams_per_agent: u64,
    /// What agents are told of the cluster.
    pub cluster: watch::Receiver<ClusterView>,
    /// This proxy is going away.
    pub leaving: CancellationToken,
    /// This proxy has stopped.
    pub stopped: CancellationToken,
}

/// What the end of a tunnel's control stream was.
type Ended = Result<(), frame::FrameError>;

impl Agents {
    /// Serves an agent's tunnel until it ends, and withdraws its route.
    pub(crate) async fn serve(&self, agent: AgentName, key: KeyHash, connection: quinn::Connection) {
        let span = tracing::info_span!("tunnel", %agent);
        async {
            match self.welcome(&agent, key, &connection).await {
                Ok((tunnel, send, recv)) => {
                    self.hold(&tunnel, key, send, recv).await;
                    self.tunnels.remove(&tunnel);
                    self.registrar.withdraw(&tunnel, &self.stopped).await;
                }
                Err(error) => tracing::info!(%error, "tunnel not taken"),
            }
        }
        .instrument(span)
        .await;
    }

    async fn welcome(
        &self,
        agent: &AgentName,
        key: KeyHash,
        connection: &quinn::Connection,
    ) -> Result<(Arc<Tunnel>, SendStream, RecvStream), NotWelcome> {
        let (mut send, recv, hello) =
            Budget::new(HELLO).run(greeting(connection)).await.map_err(|_| NotWelcome::Slow).flatten().inspect_err(|_| {
                Close::PROTOCOL.close(connection);
            })?;
        match self.admit(agent, key, hello, connection).await {
            Ok((tunnel, registered)) => {
                let welcome = ProxyMessage::Welcome(self.greet(registered));
                if let Err(error) = push(&mut send, &welcome).await {
                    self.tunnels.remove(&tunnel);
                    self.registrar.withdraw(&tunnel, &self.stopped).await;
                    return Err(error.into());
                }
                Ok((tunnel, send, recv))
            }
            Err(NotAdmitted { failure, unsettled }) => {
                let refused = ProxyMessage::Refused { failure: failure.clone().at(self.name.as_str()), retry_after_ms: RETRY_AFTER_MS };
                let _ = push(&mut send, &refused).await;
                let _ = send.finish();
                // The agent closes when it has read why; one that does not is not waited for.
                let _ = Budget::new(HELLO).run(connection.closed()).await;
                Close::REFUSED.close(connection);
                // Later than the answer: without a quorum it takes until there is one.
                if let Some(tunnel) = unsettled {
                    self.registrar.withdraw(&tunnel, &self.stopped).await;
                }
                Err(NotWelcome::Refused(failure))
            }
        }
    }

    async fn admit(
        &self,
        agent: &AgentName,
        key: KeyHash,
        hello: AgentHello,
        connection: &quinn::Connection,
    ) -> Result<(Arc<Tunnel>, Registered), NotAdmitted> {
        let budget = Budget::new(COMMIT);
        if self.leaving.is_cancelled() {
            return Err(Failure::new(Code::LimitReached, Stage::Ingress, "this proxy is going away").into());
        }
        self.check(agent, key, budget).await?;
        self.publish(agent, &hello, budget).await?;
        let tunnel = Arc::new(Tunnel::new(agent.clone(), hello.sequence, connection.clone(), self.streams_per_agent));
        // Here before the table says so: a peer that reads the route at once finds the tunnel.
        self.tunnels.insert(tunnel.clone()).map_err(|error| Failure::new(Code::Denied, Stage::Tunnel, error.to_string()))?;
        match self.registrar.register(agent, tunnel.sequence, budget).await {
            Ok(registered) => Ok((tunnel, registered)),
            Err(error) => {
                self.tunnels.remove(&tunnel);
                Err(NotAdmitted { failure: not_committed(&error), unsettled: Some(tunnel) })
            }
        }
    }

    async fn check(&self, agent: &AgentName, key: KeyHash, budget: Budget) -> Result<(), Failure> {
        if is_enrolled(&self.store.table(), TokenRole::Agent, agent.as_str(), key) {
            return Ok(());
        }
        // It may have enrolled at another proxy a moment ago.
        match self.store.confirm(budget.left()).await {
            Ok(table) if is_enrolled(&table, TokenRole::Agent, agent.as_str(), key) => Ok(()),
            Ok(_) => Err(Failure::new(Code::Denied, Stage::Ingress, format!("agent `{agent}` is not enrolled with this key"))
                .with_hint("enrol it again with a token made by `warren token create --role agent`")),
            Err(error) => {
                Err(Failure::new(Code::NoQuorum, Stage::Store, format!("agent `{agent}` is not known here")).with_cause(error.to_string()))
            }
        }
    }

    async fn publish(&self, agent: &AgentName, hello: &AgentHello, budget: Budget) -> Result<(), Failure> {
        if hello.services.len() > MAX_SERVICES {
            return Err(Failure::new(Code::LimitReached, Stage::Tunnel, format!("an agent publishes at most {MAX_SERVICES} services")));
        }
        if let Some(long) = hello.services.iter().find(|service| service.target.len() > MAX_TARGET) {
            let message = format!("the target of `{}` has more than {MAX_TARGET} bytes", long.name);
            return Err(Failure::new(Code::LimitReached, Stage::Tunnel, message));
        }
        let mut services = hello.services.clone();
        services.sort_by(|a, b| a.name.cmp(&b.name));
        let version: String = hello.hello.software.chars().take(64).collect();
        let table = self.store.table();
        if table.agent(agent).is_some_and(|known| known.services == services && known.version == version) {
            return Ok(());
        }
        let command = Command::PublishServices { agent: agent.clone(), services, version };
        self.store.propose(command, budget.left()).await.map(drop).map_err(|error| not_committed(&error))
    }

    fn greet(&self, registered: Registered) -> Welcome {
        let ClusterView { proxies, strategy } = self.cluster.borrow().clone();
        Welcome { hello: Hello::ours(), proxy: self.me, index: registered.index, proxies, strategy }
    }

    /// Holds a welcomed tunnel until it ends: pushes what changes, answers what the agent asks.
    async fn hold(&self, tunnel: &Tunnel, key: KeyHash, mut send: SendStream, mut recv: RecvStream) {
        tracing::info!(sequence = %tunnel.sequence, "tunnel open");
        let mut cluster = self.cluster.clone();
        let mut leaving = false;
        loop {
            // A message is read to its end by a future that lives across the pushes.
            let message = frame::read::<AgentMessage>(&mut recv, frame::MAX_MESSAGE);
            tokio::pin!(message);
            let ended: Option<Ended> = loop {
                tokio::select! {
                    message = &mut message => break match message {
                        Ok(message) => Some(self.reply(tunnel, key, &message, &mut send).await).filter(Result::is_err),
                        Err(error) => Some(Err(error)),
                    },
                    changed = cluster.changed() => {
                        if changed.is_err() { break Some(Ok(())) }
                        let ClusterView { proxies, strategy } = cluster.borrow_and_update().clone();
                        if let Err(error) = push(&mut send, &ProxyMessage::Cluster { proxies, strategy }).await { break Some(Err(error)) }
                    }
                    () = self.leaving.cancelled(), if !leaving => {
                        leaving = true;
                        if let Err(error) = push(&mut send, &ProxyMessage::Leaving).await { break Some(Err(error)) }
                    }
                }
            };
            if let Some(ended) = ended {
                let reason =
                    tunnel.connection.close_reason().map_or_else(|| "the control stream ended".to_owned(), |reason| reason.to_string());
                tracing::info!(%reason, "tunnel closed");
                if ended.is_err() {
                    Close::PROTOCOL.close(&tunnel.connection);
                }
                return;
            }
        }
    }

    async fn reply(&self, tunnel: &Tunnel, key: KeyHash, message: &AgentMessage, send: &mut SendStream) -> Ended {
        let AgentMessage::Renew { request } = message;
        let table = self.store.table();
        let Some(cluster) = table.cluster() else { return Ok(()) };
        let identity = Identity { cluster: cluster.id, role: Role::Agent, name: tunnel.agent.to_string() };
        match renew(&self.store, &self.env, &identity, key, request) {
            Ok(certificate) => push(send, &ProxyMessage::Renewed { certificate }).await,
            Err(error) => {
                tracing::warn!(%error, "certificate not renewed");
                Ok(())
            }
        }
    }
}

async fn push(send: &mut SendStream, message: &ProxyMessage) -> Ended {
    let written = Budget::new(PUSH).run(frame::write(send, message, frame::MAX_MESSAGE)).await;
    written.unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
}

/// Why an agent is not admitted.
struct NotAdmitted {
    failure: Failure,
    /// A tunnel whose route may have been committed all the same.
    unsettled: Option<Arc<Tunnel>>,
}

impl From<Failure> for NotAdmitted {
    fn from(failure: Failure) -> Self {
        Self { failure, unsettled: None }
    }
}

/// Why a tunnel was not taken.
#[derive(Debug, thiserror::Error)]
enum NotWelcome {
    #[error("no hello in time")]
    Slow,
    #[error("the connection was lost: {0}")]
    Lost(#[from] quinn::ConnectionError),
    #[error("the hello was not understood: {0}")]
    Hello(#[from] frame::FrameError),
    #[error("{}", .0.message())]
    Refused(Failure),
}

async fn greeting(connection: &quinn::Connection) -> Result<(SendStream, RecvStream, AgentHello), NotWelcome> {
    let (send, mut recv) = connection.accept_bi().await?;
    let hello = frame::read(&mut recv, frame::MAX_MESSAGE).await?;
    Ok((send, recv, hello))
}

fn not_committed(error: &ProposeError) -> Failure {
    let code = match error {
        ProposeError::Rejected(_) => Code::Denied,
        ProposeError::NoQuorum(_) | ProposeError::Disk(_) | ProposeError::Stopped(_) => Code::NoQuorum,
        ProposeError::QueueFull(_) => Code::LimitReached,
    };
    Failure::new(code, Stage::Store, "the route could not be registered").with_cause(error.to_string())
}
