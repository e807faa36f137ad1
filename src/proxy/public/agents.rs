//! Agents: from the hello over the committed route to the end of the tunnel.
//!
//! ```text
//!  handshake -> hello -> known? -> held: (waiting ->) welcome -> dials, pushes ... ----------------------------> gone -> route withdrawn
//!                                                       \-- retire -> route withdrawn -> the last streams -> gone
//! ```
//! It must *never* welcome an agent whose route is not committed. One whose route waits for a quorum is told so and held.
//!
//! A tunnel's task lives as long as the tunnel does and is as large as the largest thing it ever waits for: what is done once or hardly ever is boxed.

use std::sync::Arc;
use std::time::Duration;

use quinn::{RecvStream, SendStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use warren_raft::table::{MAX_SERVICES, Publishing};
use warren_raft::{AgentName, KeyHash, ProxyId, RoutingStore, Service, ServiceName, TokenRole};

use super::admission::{Admission, Place};
use super::enroll::is_enrolled;
use super::hold::{Held, push};
use crate::audit::{Denial, Port};
use crate::failure::{Code, Failure, Stage};
use crate::limits::{Limit, Reached};
use crate::net::quic::{Priority, SendRoom};
use crate::net::{Budget, Env, shown};
use crate::proxy::issuing::Issuing;
use crate::proxy::registrar::Registrar;
use crate::proxy::rotation::Presence;
use crate::proxy::tuning::Tuning;
use crate::proxy::tunnels::{Offer, Standing, StreamLimit, Tunnel, Tunnels};
use crate::wire::close::Close;
use crate::wire::{AgentHello, Authorities, ClusterView, Party, ProxyMessage, frame};

/// Longest target of a service: a host name (RFC 1035: 253) with a port.
const MAX_TARGET: usize = 260;
/// How long a refusal may take to be read.
const REFUSAL: Duration = Duration::from_secs(5);
/// How long a route may take to be registered or to be found to wait.
const REGISTERING: Duration = Duration::from_secs(5);
/// How long the leader may take to confirm that an agent is enrolled.
const CONFIRM: Duration = Duration::from_secs(5);

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
    /// What certificates are issued with.
    pub issuing: Issuing,
    /// The tunnels that are here.
    pub tunnels: Arc<Tunnels>,
    /// The way into the table.
    pub registrar: Registrar,
    /// Streams of one tunnel at the same time, and what else one agent may use.
    pub tuning: Tuning,
    /// What is counted when it uses that up.
    pub reached: Reached,
    /// What agents are told of the cluster.
    pub cluster: watch::Receiver<ClusterView>,
    /// Whom they are to trust.
    pub authorities: watch::Receiver<Authorities>,
    /// Which tunnels are taken now.
    pub admission: Admission,
    /// This proxy has stopped.
    pub stopped: CancellationToken,
}

impl Agents {
    /// Serves an agent's tunnel until it ends, and withdraws its route.
    pub(crate) async fn serve(&self, agent: AgentName, (key, presence): (KeyHash, Presence), connection: quinn::Connection) {
        let span = tracing::info_span!("tunnel", %agent);
        async {
            if let Err(error) = self.greet(&agent, (key, presence), &connection).await {
                tracing::info!(%error, "tunnel not taken");
            }
        }
        .instrument(span)
        .await;
    }

    async fn greet(
        &self,
        agent: &AgentName,
        (key, presence): (KeyHash, Presence),
        connection: &quinn::Connection,
    ) -> Result<(), NotWelcome> {
        let (mut send, recv, hello) = Box::pin(self.greeting(connection)).await.inspect_err(|_| Close::PROTOCOL.close(connection))?;
        let admitted = match hello {
            Ok(hello) => Box::pin(self.admit(agent, key, hello, connection)).await,
            Err(failure) => Err(failure),
        };
        match admitted {
            Ok((tunnel, place)) => {
                tokio::join!(self.hold(tunnel.clone(), (key, presence), send, recv), Box::pin(keep_place(&tunnel, place)));
                Ok(())
            }
            Err(failure) => {
                if failure.code() == Code::Denied {
                    let denial = Denial::at(Port::Public, shown(connection.remote_address()), failure.message());
                    self.env.audit.denied(denial.of("agent", agent));
                }
                Box::pin(self.refuse(connection, &mut send, failure.clone())).await;
                Err(NotWelcome::Refused(failure))
            }
        }
    }

    async fn hold(&self, tunnel: Arc<Tunnel>, (key, presence): (KeyHash, Presence), mut send: SendStream, recv: RecvStream) {
        let refused = Held { agents: self, tunnel: &tunnel, key, presence }.until_it_ends(&mut send, recv).await;
        self.tunnels.remove(&tunnel);
        // A first proposal that found no place was never made; but an older tunnel may have left its withdrawal to this one.
        let is_unmade = refused.as_ref().is_some_and(|failure| failure.code() == Code::LimitReached);
        let is_settled = tunnel.is_retired() || (is_unmade && !self.registrar.is_visible(&tunnel));
        if let Some(failure) = refused {
            tracing::info!(failure = failure.message(), "tunnel not kept");
            Box::pin(self.refuse(&tunnel.connection, &mut send, failure)).await;
        }
        // Later than the answer: without a quorum it takes until there is one.
        if !is_settled {
            Box::pin(self.registrar.withdraw(&tunnel, &self.stopped)).await;
        }
    }

    async fn refuse(&self, connection: &quinn::Connection, send: &mut SendStream, failure: Failure) {
        let retry_after = self.admission.retry_after(&mut self.env.entropy.rng());
        let retry_after_ms = u32::try_from(retry_after.as_millis()).unwrap_or(u32::MAX);
        let refused = ProxyMessage::Refused { failure: failure.at(self.name.as_str()), retry_after_ms };
        let _ = push(send, &refused).await;
        let _ = send.finish();
        // The agent closes when it has read why; one that does not is not waited for.
        let _ = Budget::new(REFUSAL).run(connection.closed()).await;
        Close::REFUSED.close(connection);
    }

    async fn admit(
        &self,
        agent: &AgentName,
        key: KeyHash,
        hello: AgentHello,
        connection: &quinn::Connection,
    ) -> Result<(Arc<Tunnel>, Place), Failure> {
        let agreed = hello.hello.agree(Party::Agent).map_err(|error| error.failure())?;
        tracing::debug!(version = agreed.version, features = agreed.features, software = hello.hello.software(), "hello");
        let place = self.admission.place(agent, (&self.store.table(), self.me))?;
        self.check(agent, key).await?;
        let (sequence, room) = (hello.sequence, SendRoom::new(connection, &self.env.paths));
        let offer = self.offer(hello.services, hello.hello.software())?;
        self.check_publishing(agent, &offer.services).await?;
        let tunnel = Arc::new(Tunnel::new(agent.clone(), sequence, room, offer, self.stream_limit()));
        // Here before the table says so: a peer that reads the route at once finds the tunnel.
        self.tunnels.insert(tunnel.clone()).map_err(|error| Failure::new(Code::Denied, Stage::Tunnel, error.to_string()))?;
        Ok((tunnel, place))
    }

    /// Refuses an agent that publishes more than it may, all of it: an operator is to see that, and not wonder where one service is.
    pub(super) async fn check_publishing(&self, agent: &AgentName, services: &[Service]) -> Result<(), Failure> {
        if self.store.with_table(|table| table.may_not_publish(agent, services).is_none()) {
            return Ok(());
        }
        // It may have enrolled with another token at another proxy a moment ago.
        let table = self.store.confirm(CONFIRM).await.unwrap_or_else(|_| self.store.table());
        match table.may_not_publish(agent, services) {
            Some(service) => Err(may_not_publish(agent, &service.name, table.publishing(agent))),
            None => Ok(()),
        }
    }

    /// What the agent says of itself, if it is not more than it may.
    pub(super) fn offer(&self, mut services: Vec<Service>, version: String) -> Result<Offer, Failure> {
        let most = self.tuning.now().limits.services_per_agent.min(MAX_SERVICES);
        if services.len() > most {
            let message = format!("an agent publishes at most {most} services, and this one {}", services.len());
            return Err(self.reached.refuse(Limit::ServicesPerAgent, Stage::Tunnel, message));
        }
        if let Some(long) = services.iter().find(|service| service.target.len() > MAX_TARGET) {
            let message = format!("the target of `{}` has more than {MAX_TARGET} bytes", long.name);
            return Err(Failure::new(Code::LimitReached, Stage::Tunnel, message));
        }
        services.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Offer { services, version })
    }

    /// The stream that the agent has opened, and its hello, or why that is not read.
    async fn greeting(&self, connection: &quinn::Connection) -> Result<(SendStream, RecvStream, Result<AgentHello, Failure>), NotWelcome> {
        let greeting = async {
            let (send, mut recv) = connection.accept_bi().await?;
            Priority::Control.set(&send);
            match frame::read(&mut recv, self.tuning.now().limits.message_size).await {
                Ok(hello) => Ok((send, recv, Ok(hello))),
                Err(error @ frame::FrameError::TooLong { .. }) => {
                    Ok((send, recv, Err(self.reached.refuse(Limit::MessageSize, Stage::Tunnel, error.to_string()))))
                }
                Err(error) => Err(error.into()),
            }
        };
        Budget::new(self.tuning.now().limits.header_timeout).run(greeting).await.unwrap_or_else(|_| {
            self.reached.note(Limit::HeaderTimeout);
            Err(NotWelcome::Slow)
        })
    }

    fn stream_limit(&self) -> StreamLimit {
        StreamLimit { tuning: self.tuning.clone(), reached: self.reached.clone() }
    }

    async fn check(&self, agent: &AgentName, key: KeyHash) -> Result<(), Failure> {
        if is_enrolled(&self.store.table(), TokenRole::Agent, agent.as_str(), key) {
            return Ok(());
        }
        // It may have enrolled at another proxy a moment ago.
        match self.store.confirm(CONFIRM).await {
            Ok(table) if is_enrolled(&table, TokenRole::Agent, agent.as_str(), key) => Ok(()),
            Ok(_) => Err(Failure::new(Code::Denied, Stage::Ingress, format!("agent `{agent}` is not enrolled with this key"))
                .with_hint("enrol it again with a token made by `warren token create --role agent`")),
            Err(error) => {
                Err(Failure::new(Code::NoQuorum, Stage::Store, format!("agent `{agent}` is not known here")).with_cause(error.to_string()))
            }
        }
    }
}

/// What an agent is told that publishes more than it may.
fn may_not_publish(agent: &AgentName, service: &ServiceName, publishing: Option<&Publishing>) -> Failure {
    let allow = publishing.map(|publishing| publishing.allow.iter().map(|pattern| format!("`{pattern}`")).collect::<Vec<_>>());
    let only = allow.map_or_else(|| "nothing".to_owned(), |allow| allow.join(", "));
    Failure::new(Code::Denied, Stage::Ingress, format!("agent `{agent}` may not publish the service `{service}`"))
        .with_cause(format!("the token that it enrolled with lets it publish {only}"))
        .with_hint("publish less, or enrol it again with another token: `warren token create --role agent --allow AGENT/SERVICE`")
}

/// Keeps the place until it is known how the route stands: one that waits for a quorum keeps nobody out.
async fn keep_place(tunnel: &Tunnel, place: Place) {
    let _ = Budget::new(REGISTERING).run(tunnel.standing().wait_for(|standing| *standing != Standing::Pending)).await;
    drop(place);
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
