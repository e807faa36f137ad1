//! An agent's tunnel while it is held: its route kept in the table, and the control stream on which the agent learns how that stands.

use std::time::Duration;

use quinn::{RecvStream, SendStream};
use tokio::sync::watch;
use tokio::time::Instant;
use warren_raft::{KeyHash, LeaseState, ProposeError, Rejection, Service, observe, reached};

use super::agents::Agents;
use super::renew::renew;
use crate::failure::{Code, Failure, Stage};
use crate::identity::{Identity, Role};
use crate::net::Budget;
use crate::proxy::handover::Order;
use crate::proxy::rotation::Presence;
use crate::proxy::tunnels::{Standing, Tunnel};
use crate::wire::close::Close;
use crate::wire::{AgentMessage, Authorities, ClusterView, Heard, Hello, Holdings, ProxyMessage, Waiting, Welcome, frame};

/// How long a push may take to be written.
const PUSH: Duration = Duration::from_secs(5);

/// A tunnel that is held.
pub(super) struct Held<'a> {
    pub(super) agents: &'a Agents,
    pub(super) tunnel: &'a Tunnel,
    /// The key that its connection was made with.
    pub(super) key: KeyHash,
    /// What is known of the agent's certificate.
    pub(super) presence: Presence,
}

/// What the end of a tunnel's control stream was.
type Ended = Result<(), frame::FrameError>;

/// What the agent is told of, as it changes.
struct Told {
    standing: watch::Receiver<Standing>,
    cluster: watch::Receiver<ClusterView>,
    order: watch::Receiver<Option<Order>>,
    authorities: watch::Receiver<Authorities>,
    /// What the agent has said that it holds; one of an older version says nothing, and is told nothing.
    holds: Option<Holdings>,
}

impl Held<'_> {
    /// Keeps the route and tells the agent what changes, until the tunnel ends. Gives a failure if that is because the route can never be.
    pub(super) async fn until_it_ends(&self, send: &mut SendStream, recv: RecvStream) -> Option<Failure> {
        tokio::select! {
            ended = self.converse(send, recv) => {
                let connection = &self.tunnel.connection;
                let reason = connection.close_reason().map_or_else(|| "the control stream ended".to_owned(), |reason| reason.to_string());
                tracing::info!(%reason, "tunnel closed");
                if ended.is_err() {
                    Close::PROTOCOL.close(connection);
                }
                None
            }
            error = self.route() => Some(not_committed(&error)),
        }
    }

    /// Keeps the route until the agent wants it no more, and then withdraws it for good. Returns only why it can never be.
    async fn route(&self) -> ProposeError {
        tokio::select! {
            error = self.agents.registrar.keep(self.tunnel) => return error,
            () = self.tunnel.retiring() => {}
        }
        Box::pin(self.agents.registrar.withdraw(self.tunnel, &self.agents.stopped)).await;
        reached!("proxy.tunnel_retired");
        self.tunnel.stands(Standing::Retired);
        std::future::pending().await
    }

    /// Tells the agent what changes and answers what it asks.
    async fn converse(&self, send: &mut SendStream, mut recv: RecvStream) -> Ended {
        let (mut standing, order) = (self.tunnel.standing(), self.tunnel.order());
        // The route is looked after beside this, and may stand as it does by now: a proxy without a lease knows at once.
        if *standing.borrow() != Standing::Pending {
            standing.mark_changed();
        }
        let authorities = self.agents.authorities.clone();
        let mut told = Told { standing, cluster: self.agents.cluster.clone(), order, authorities, holds: None };
        // The welcome tells of the cluster as it is then.
        told.cluster.mark_unchanged();
        loop {
            // A message is read to its end by a future that lives across the pushes.
            let message = frame::hear::<AgentMessage>(&mut recv, self.agents.tuning.now().limits.message_size);
            tokio::pin!(message);
            let message = loop {
                tokio::select! {
                    message = &mut message => break message?,
                    news = self.news(&mut told) => match news {
                        Some(news) => Box::pin(tell(send, news)).await?,
                        None => return Ok(()),
                    }
                }
            };
            let answer = match message {
                Heard::Known(AgentMessage::Holds(holds)) => self.held(holds, &mut told),
                // Checked and recorded before anything else is said: without a quorum that takes as long as a proposal may.
                Heard::Known(AgentMessage::Publish { services }) => Some(Box::pin(self.publish(services)).await),
                Heard::Known(message) => self.reply(message),
                // One at a time, and not before the agent has taken the answer to the one before: it costs no more than any other.
                Heard::Unknown(number) => {
                    tracing::debug!(number, "the agent said what only a later version of warren knows");
                    Some(ProxyMessage::NotUnderstood { number })
                }
            };
            if let Some(answer) = answer {
                Box::pin(tell(send, answer)).await?;
            }
        }
    }

    /// Waits for the next thing that the agent is to be told; `None` when this proxy has nothing more to say.
    async fn news(&self, told: &mut Told) -> Option<ProxyMessage> {
        // The first thing that an agent is told is how it stands.
        let has_begun = *told.standing.borrow() != Standing::Pending;
        tokio::select! {
            biased;
            changed = told.standing.changed() => {
                changed.ok()?;
                let standing = *told.standing.borrow_and_update();
                tracing::info!(sequence = %self.tunnel.sequence, %standing, "tunnel");
                Some(self.stands(standing))
            }
            changed = told.cluster.changed(), if has_begun => {
                changed.ok()?;
                Some(ProxyMessage::Cluster(told.cluster.borrow_and_update().clone()))
            }
            changed = told.authorities.changed(), if told.holds.is_some() => {
                changed.ok()?;
                Some(ProxyMessage::Authorities(told.authorities.borrow_and_update().clone()))
            }
            changed = told.order.changed() => {
                changed.ok()?;
                let order = *told.order.borrow_and_update();
                tracing::debug!(sequence = %self.tunnel.sequence, ?order, "agent asked to go");
                Some(match order? {
                    Order::Move(to) => ProxyMessage::Move { to },
                    Order::Leave => ProxyMessage::Leaving,
                })
            }
        }
    }

    fn stands(&self, standing: Standing) -> ProxyMessage {
        let cluster = self.agents.cluster.borrow().clone();
        let (hello, proxy) = (Hello::ours(), self.agents.me);
        match standing {
            Standing::Registered(index) => {
                reached!("proxy.welcome");
                observe!(warren_raft::fault::Observation::Welcomed {
                    proxy,
                    agent: self.tunnel.agent.clone(),
                    sequence: self.tunnel.sequence,
                    index
                });
                ProxyMessage::Welcome(Welcome { hello, proxy, index, cluster })
            }
            Standing::Retired => ProxyMessage::Retired,
            Standing::Pending | Standing::Waiting => {
                let failure = self.waits().at(self.agents.name.as_str());
                ProxyMessage::Waiting(Waiting { hello, proxy, failure, cluster })
            }
        }
    }

    fn waits(&self) -> Failure {
        let why = match *self.agents.store.lease().borrow() {
            LeaseState::Lost => "this proxy has no lease: it cannot reach a leader with a quorum",
            LeaseState::Held(_) => "no quorum has confirmed it yet",
        };
        Failure::new(Code::NoQuorum, Stage::Store, "the route is not registered and waits for a quorum")
            .with_cause(why)
            .with_hint("`warren status` on a proxy's machine shows what is missing")
    }

    /// Takes in what the agent holds, and answers with the authorities to trust if they are others.
    fn held(&self, holds: Holdings, told: &mut Told) -> Option<ProxyMessage> {
        self.presence.holds(holds.clone());
        let authorities = told.authorities.borrow_and_update().clone();
        let is_news = authorities.is_news_to(&holds);
        // One that does not take what it is told, since its disk is full perhaps, is not told again at once.
        let is_again = told.holds.as_ref().is_some_and(|before| before.trusted == holds.trusted);
        told.holds = Some(holds);
        (is_news && !is_again).then_some(ProxyMessage::Authorities(authorities))
    }

    /// Takes in that the agent publishes something else from now on, as a hello that says so would be.
    async fn publish(&self, services: Vec<Service>) -> ProxyMessage {
        let (agent, version) = (&self.tunnel.agent, self.tunnel.offer().version.clone());
        let published = async {
            let offer = self.agents.offer(services, version)?;
            self.agents.check_publishing(agent, &offer.services).await?;
            let recorded = self.agents.registrar.publish_anew(self.tunnel, offer).await;
            recorded.map_err(|error| not_committed(&error))
        };
        match published.await {
            Ok(()) => {
                tracing::info!(services = self.tunnel.offer().services.len(), "the agent publishes something else");
                ProxyMessage::Published
            }
            Err(failure) => {
                tracing::info!(failure = failure.message(), "what the agent wants to publish was refused");
                ProxyMessage::NotPublished { failure: failure.at(self.agents.name.as_str()) }
            }
        }
    }

    fn reply(&self, message: AgentMessage) -> Option<ProxyMessage> {
        let request = match message {
            AgentMessage::Renew { request } => request,
            AgentMessage::Retire => {
                self.tunnel.retire();
                return None;
            }
            AgentMessage::Progress(progress) => {
                self.tunnel.progress.note(&progress, Instant::now());
                return None;
            }
            // That the packet was acknowledged is what the agent wants to know.
            AgentMessage::Pulse | AgentMessage::Holds(_) | AgentMessage::Publish { .. } | AgentMessage::NotUnderstood { .. } => {
                return None;
            }
        };
        let table = self.agents.store.table();
        let cluster = table.cluster()?;
        let identity = Identity { cluster: cluster.id, role: Role::Agent, name: self.tunnel.agent.to_string() };
        Some(match renew(&self.agents.issuing, &identity, self.key, &request) {
            Ok(issued) => ProxyMessage::Renewed { certificate: issued.certificate.to_vec() },
            Err(error) => {
                tracing::warn!(%error, "certificate not renewed");
                ProxyMessage::NotRenewed { reason: error.to_string() }
            }
        })
    }
}

async fn tell(send: &mut SendStream, message: ProxyMessage) -> Ended {
    push(send, &message).await
}

/// Writes a message to an agent; one that gives no room for it is not waited for.
pub(super) async fn push(send: &mut SendStream, message: &ProxyMessage) -> Ended {
    let written = Budget::new(PUSH).run(frame::write(send, message, frame::MAX_MESSAGE)).await;
    written.unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
}

fn not_committed(error: &ProposeError) -> Failure {
    if let ProposeError::Rejected(rejection @ Rejection::MayNotPublish { .. }) = error {
        return Failure::new(Code::Denied, Stage::Store, rejection.to_string())
            .with_cause("the token that it enrolled with says so")
            .with_hint("publish less, or enrol it again with another token: `warren token create --role agent --allow AGENT/SERVICE`");
    }
    let code = match error {
        ProposeError::Rejected(_) | ProposeError::AboveLevel { .. } => Code::Denied,
        ProposeError::NoQuorum(_) | ProposeError::Disk(_) | ProposeError::Stopped(_) => Code::NoQuorum,
        ProposeError::QueueFull(_) => Code::LimitReached,
    };
    Failure::new(code, Stage::Store, "the route could not be registered").with_cause(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_told_why_its_route_cannot_be() {
        let table = [
            (ProposeError::QueueFull(8_192), Code::LimitReached),
            (ProposeError::NoQuorum(Duration::from_secs(10)), Code::NoQuorum),
            (ProposeError::Disk("no space left".to_owned()), Code::NoQuorum),
            (ProposeError::Stopped("it was shut down".to_owned()), Code::NoQuorum),
            (ProposeError::Rejected(Rejection::NoCluster), Code::Denied),
        ];
        for (error, code) in table {
            let failure = not_committed(&error);
            assert_eq!((failure.code(), failure.causes()), (code, [error.to_string()].as_slice()));
        }
    }
}
