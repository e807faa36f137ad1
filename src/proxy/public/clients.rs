//! Clients: one dial per stream.

use std::sync::Arc;
use std::time::Duration;

use quinn::{RecvStream, SendStream};
use serde::Serialize;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use warren_raft::{ClientName, KeyHash, ReadError, RoutingStore, TokenRole};

use super::enroll::is_enrolled;
use super::members::{Audience, members};
use super::orientation;
use super::renew::renew;
use super::told::ToldDial;
use crate::audit::{Denial, Port};
use crate::failure::{Code, Failure, Stage};
use crate::identity::{Identity, Role};
use crate::limits::places::Bound;
use crate::limits::{Bounds, Limit, LiveLimits, Place, Places, Reached};
use crate::net::quic::{SendRoom, Sending};
use crate::net::relay;
use crate::net::{Budget, Env, shown};
use crate::proxy::caller::{Caller, Shown};
use crate::proxy::dial::{Connection, Dialer, Wanted};
use crate::proxy::dial_metrics::DialPath;
use crate::proxy::grants::{Grant, Grants};
use crate::proxy::handover::{Drain, Entered};
use crate::proxy::issuing::Issuing;
use crate::proxy::metrics::Metrics;
use crate::proxy::rotation::Presence;
use crate::proxy::tuning::Tuning;
use crate::target::Target;
use crate::wire::close::Close;
use crate::wire::{
    Authorities, AuthoritiesReply, AuthoritiesRequest, ClientRequest, DepartureReply, DialReply, DialRequest, EnrollReply, Enrolled, Heard,
    Hello, Holdings, Party, PingReply, PingRequest, TooOld, TraceId, frame, not_understood,
};

/// How long an answer may take to be taken.
const ANSWER: Duration = Duration::from_secs(5);
/// Streams of one client connection at the same time, where QUIC holds back; beyond `streams_per_client` one is answered by a failure. quinn tells of free places when an eighth of all has become free: 1,120 can be had at any time.
const MAX_STREAMS: u32 = 1280;
/// How long the leader may take to confirm that a client is enrolled.
const CONFIRM: Duration = Duration::from_secs(3);

/// Serves the connections of clients.
#[derive(Debug)]
pub(crate) struct Clients {
    /// This proxy's name, for failures.
    pub name: String,
    /// The clock and the randomness.
    pub env: Env,
    /// Who may what.
    pub store: RoutingStore,
    /// What certificates are issued with.
    pub issuing: Issuing,
    /// Whom they are to trust.
    pub authorities: watch::Receiver<Authorities>,
    /// The way to the agents.
    pub dialer: Arc<Dialer>,
    /// The longest budget of a dial.
    pub tuning: Tuning,
    /// What one client may use.
    pub shares: Shares,
    /// What is counted.
    pub metrics: Metrics,
    /// What runs by the cluster's leave.
    pub grants: Arc<Grants>,
    /// Whether this proxy goes away.
    pub drain: Drain,
    /// Whose tasks the streams are.
    pub tasks: TaskTracker,
}

/// What the clients of this proxy use, each over all its connections. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Shares {
    limits: LiveLimits,
    streams: Places<ClientName>,
    dials: Places<ClientName>,
}

impl Shares {
    /// Nobody uses anything yet.
    pub(crate) fn new(limits: &LiveLimits) -> Self {
        let each = |most: Bound, limit| Bounds { each: Some((most, limit)), all: None };
        Self {
            limits: limits.clone(),
            streams: Places::new(limits.clone(), each(|limits| limits.streams_per_client, Limit::StreamsPerClient)),
            dials: Places::new(limits.clone(), each(|limits| limits.dials_per_client, Limit::DialsPerClient)),
        }
    }

    /// A place for a further stream of a client.
    ///
    /// # Errors
    /// What it is told if it has too many.
    pub(crate) fn stream(&self, client: &ClientName, reached: &Reached) -> Result<Place<ClientName>, Failure> {
        self.streams.take(client).map_err(|limit| too_many(reached, limit, "streams"))
    }

    /// A place for a further dial of a client that has no answer yet.
    ///
    /// # Errors
    /// What it is told if it has too many.
    pub(crate) fn dial(&self, client: &ClientName, reached: &Reached) -> Result<Place<ClientName>, Failure> {
        self.dials.take(client).map_err(|limit| too_many(reached, limit, "dials without an answer"))
    }
}

impl Clients {
    /// Serves a client's connection until it ends.
    pub(crate) async fn serve(self: &Arc<Self>, client: ClientName, (key, presence): (KeyHash, Presence), connection: quinn::Connection) {
        let presence = Arc::new(presence);
        match self.is_known(&client, key).await {
            Ok(true) => {}
            Ok(false) => {
                tracing::info!(%client, "client refused: it is not enrolled with this key");
                let denial = Denial::at(Port::Public, shown(connection.remote_address()), "it is not enrolled with this key");
                self.env.audit.denied(denial.of("client", &client));
                return Close::REFUSED.close(&connection);
            }
            Err(error) => {
                tracing::info!(%client, %error, "client not served: it is not known here");
                return Close::UNCONFIRMED.close(&connection);
            }
        }
        connection.set_max_concurrent_bi_streams(MAX_STREAMS.into());
        let room = SendRoom::new(&connection, &self.env.paths);
        let span = tracing::info_span!("client", %client);
        span.in_scope(|| tracing::debug!(from = %shown(connection.remote_address()), "connected"));
        loop {
            match connection.accept_bi().await {
                Ok((mut send, mut recv)) => {
                    // The client asks another proxy.
                    let Some(entered) = self.drain.entering().ask() else {
                        Close::LEAVING.abort(&mut send, &mut recv);
                        continue;
                    };
                    let (clients, client, connection) = (self.clone(), client.clone(), connection.clone());
                    let presence = presence.clone();
                    let sending = room.enter();
                    let answer = async move {
                        clients.answer((client, key), (&connection, &presence), (send, recv), (&sending, entered)).await;
                    };
                    self.tasks.spawn(answer.instrument(span.clone()));
                }
                Err(reason) => {
                    span.in_scope(|| tracing::debug!(%reason, "disconnected"));
                    return;
                }
            }
        }
    }

    async fn is_known(&self, client: &ClientName, key: KeyHash) -> Result<bool, ReadError> {
        if is_enrolled(&self.store.table(), TokenRole::Client, client.as_str(), key) {
            return Ok(true);
        }
        // It may have enrolled at another proxy a moment ago.
        let table = self.store.confirm(CONFIRM).await?;
        Ok(is_enrolled(&table, TokenRole::Client, client.as_str(), key))
    }

    async fn answer(
        &self,
        (client, key): (ClientName, KeyHash),
        (connection, presence): (&quinn::Connection, &Presence),
        (mut send, mut recv): (SendStream, RecvStream),
        (sending, entered): (&Sending, Entered),
    ) {
        let reached = self.metrics.reached();
        let _place = match self.shares.stream(&client, reached) {
            Ok(place) => place,
            Err(failure) => return self.fail(failure, (send, recv)).await,
        };
        let hearing = frame::hear(&mut recv, self.shares.limits.now().message_size);
        let request = match Budget::new(self.shares.limits.now().header_timeout).run(hearing).await {
            Ok(Ok(request)) => request,
            Ok(Err(error @ frame::FrameError::TooLong { .. })) => {
                let failure = reached.refuse(Limit::MessageSize, Stage::Ingress, error.to_string());
                return self.fail(failure, (send, recv)).await;
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, "request not understood");
                return Close::PROTOCOL.abort(&mut send, &mut recv);
            }
            Err(_) => {
                reached.note(Limit::HeaderTimeout);
                return Close::DEADLINE.abort(&mut send, &mut recv);
            }
        };
        match understood(request) {
            Ok(Understood::Dial(request, target)) => {
                self.dial((client, key, connection), (request, target), (send, recv), (sending, entered)).await;
            }
            Ok(Understood::Renew(request)) => say(&mut send, &self.renewed(client, key, &request)).await,
            Ok(Understood::Ping(request)) => say(&mut send, &self.pong(request).await).await,
            Ok(Understood::Proxies) => say(&mut send, &orientation::proxies(&self.store.table())).await,
            Ok(Understood::Services) => say(&mut send, &orientation::services(&self.store.table(), &client)).await,
            Ok(Understood::Authorities(holds)) => {
                drop(entered);
                self.announce(holds, presence, (send, connection)).await;
            }
            Ok(Understood::Departure) => {
                drop(entered);
                self.depart((send, recv), connection).await;
            }
            Err(failure) => self.fail(failure, (send, recv)).await,
        }
    }

    /// Answers once the authorities are others than those that the client trusts, for as long as it is there.
    async fn announce(&self, holds: Holdings, presence: &Presence, (mut send, connection): (SendStream, &quinn::Connection)) {
        presence.holds(holds.clone());
        let mut authorities = self.authorities.clone();
        let news = authorities.wait_for(|authorities| authorities.is_news_to(&holds));
        let told = tokio::select! {
            // The sender lives as long as the proxy.
            news = news => news.ok().map(|news| news.clone()),
            _ = send.stopped() => None,
            _ = connection.closed() => None,
        };
        if let Some(told) = told {
            say(&mut send, &AuthoritiesReply::Authorities(told)).await;
        }
    }

    /// Answers once this proxy goes away, and waits until the client has done so, or stays.
    async fn depart(&self, (mut send, mut recv): (SendStream, RecvStream), connection: &quinn::Connection) {
        let is_told = tokio::select! {
            () = self.drain.begun() => true,
            _ = send.stopped() => false,
            _ = connection.closed() => false,
        };
        if !is_told {
            return;
        }
        let _told = self.drain.entering().tell();
        if said(&mut send, &DepartureReply::Leaving { hello: Hello::ours() }).await {
            // It has nothing more to say: whatever comes is the end.
            let _ = recv.read(&mut [0]).await;
        }
    }

    /// Whether the proxy that is meant is there: this one, or one of its peers.
    async fn pong(&self, PingRequest { proxy, budget_ms, .. }: PingRequest) -> PingReply {
        let budget = Budget::new(Duration::from_millis(budget_ms.into()).min(self.tuning.now().dial_timeout));
        match self.dialer.reach(proxy.as_ref(), budget).await {
            Ok(path) => PingReply::Pong { path, at_ms: self.env.wall.now().0, hello: Hello::ours() },
            Err(failure) => PingReply::Failed(failure.at(self.name.as_str())),
        }
    }

    async fn fail(&self, failure: Failure, (mut send, mut recv): (SendStream, RecvStream)) {
        say(&mut send, &DialReply::Failed(failure.at(self.name.as_str()))).await;
        // Bytes that the client has sent already are nobody's.
        let _ = recv.stop(Close::DONE.code());
    }

    async fn dial(
        &self,
        (client, key, connection): (ClientName, KeyHash, &quinn::Connection),
        (request, target): (DialRequest, Target),
        (mut send, mut recv): (SendStream, RecvStream),
        (sending, entered): (&Sending, Entered),
    ) {
        let trace = request.trace;
        let budget = Budget::new(Duration::from_millis(request.budget_ms.into()).min(self.tuning.now().dial_timeout));
        let client_address = shown(connection.remote_address()).to_string();
        let span = tracing::info_span!("dial", %target, %trace);
        let who = (client.clone(), key);
        let wanted = Wanted { caller: Caller::Client(client), ingress: None, client_address, target, budget, trace };
        let mut told = ToldDial::begin(&self.env.audit, &wanted, &self.name);
        let place = match self.shares.dial(&who.0, self.metrics.reached()) {
            Ok(place) => place,
            Err(failure) => {
                let failure = failure.with_trace(trace.to_string());
                self.metrics.dials().ended(Some(failure.code()), DialPath::Nowhere);
                told.failed(&failure);
                return self.fail(failure, (send, recv)).await;
            }
        };
        let dialled = tokio::select! {
            dialled = self.dialer.dial(&wanted).instrument(span.clone()) => dialled,
            // The client does not want it any more.
            _ = send.stopped() => return Close::CANCELLED.abort(&mut send, &mut recv),
        };
        drop(place);
        match dialled {
            Ok(connection) => {
                self.relay(connection, (who, trace, told), (send, recv), (sending, entered)).instrument(span).await;
            }
            Err(failure) => {
                told.failed(&failure);
                drop(told);
                self.fail(failure.with_trace(trace.to_string()), (send, recv)).await;
            }
        }
    }

    async fn relay(
        &self,
        connection: Connection,
        (who, trace, mut told): ((ClientName, KeyHash), TraceId, ToldDial),
        (mut send, recv): (SendStream, RecvStream),
        (sending, entered): (&Sending, Entered),
    ) {
        let Connection { open, agent, service, path } = connection;
        self.store.with_table(|table| told.connected(&agent, &path, table));
        let grant = Grant { caller: Caller::Client(who.0), shown: Shown::Key(who.1), agent: agent.clone(), service };
        let granted = self.grants.stream(grant, |grant| self.store.with_table(|table| grant.stands(table)));
        tracing::debug!(%agent, hops = path.len(), "dial connected");
        if !said(&mut send, &DialReply::Connected { agent, path, trace, hello: Hello::ours() }).await {
            let (mut send, mut recv) = (open.send, open.recv);
            return Close::CANCELLED.abort(&mut send, &mut recv);
        }
        let carried = self.env.readers.begin([Some(sending.received()), Some(open.received)]);
        let moved = carried.tellers();
        let (permit, _in_use) = (open.permit, open.in_use);
        let relay = relay::quic((send, recv), (open.send, open.recv), carried, granted.revoked().cancelled_owned());
        let running = self.metrics.streams().begin(permit.as_ref());
        drop(entered);
        let Some(relayed) = running.carry(relay).await else {
            // The time that this proxy had to drain is over.
            return told.cut(&moved);
        };
        told.relayed(&relayed);
        self.metrics.relayed(&relayed);
    }

    fn renewed(&self, client: ClientName, key: KeyHash, request: &[u8]) -> EnrollReply {
        let table = self.store.table();
        let Some(cluster) = table.cluster() else {
            return EnrollReply::Failed(Failure::new(Code::NoQuorum, Stage::Store, "there is no cluster yet"));
        };
        let identity = Identity { cluster: cluster.id, role: Role::Client, name: client.into() };
        match renew(&self.issuing, &identity, key, request) {
            Ok(issued) => EnrollReply::Enrolled(Enrolled {
                hello: Hello::ours(),
                cluster: cluster.id,
                cluster_name: cluster.name.clone(),
                proxy: None,
                certificate: issued.certificate.to_vec(),
                proxies: members(&table, Audience::Public),
                authorities: Some(self.authorities.borrow().clone()),
            }),
            Err(error) => EnrollReply::Failed(
                Failure::new(Code::Denied, Stage::Ingress, "the certificate was not renewed").with_cause(error.to_string()),
            ),
        }
    }
}

fn too_many(reached: &Reached, limit: Limit, what: &str) -> Failure {
    reached.refuse(limit, Stage::Ingress, format!("this client has too many {what}"))
}

/// A request that can be served.
enum Understood {
    Dial(DialRequest, Target),
    Renew(Vec<u8>),
    Authorities(Holdings),
    Ping(PingRequest),
    Proxies,
    Services,
    Departure,
}

/// What the client asks for, if it speaks a version that is spoken here and asks for something that is known.
fn understood(request: Heard<ClientRequest>) -> Result<Understood, Failure> {
    let too_old = |error: TooOld| error.failure();
    match request {
        Heard::Known(ClientRequest::Dial(request)) => {
            request.hello.agree(Party::Client).map_err(too_old)?;
            match request.target.clone() {
                Heard::Known(target) => Ok(Understood::Dial(request, target)),
                Heard::Unknown(number) => Err(not_understood(&format!("a target of form {number}"))),
            }
        }
        Heard::Known(ClientRequest::Renew { hello, request }) => {
            hello.agree(Party::Client).map_err(too_old)?;
            Ok(Understood::Renew(request))
        }
        Heard::Known(ClientRequest::Authorities(AuthoritiesRequest { hello, holds })) => {
            hello.agree(Party::Client).map_err(too_old)?;
            Ok(Understood::Authorities(holds))
        }
        Heard::Known(ClientRequest::Ping(request)) => {
            request.hello.agree(Party::Client).map_err(too_old)?;
            Ok(Understood::Ping(request))
        }
        Heard::Known(ClientRequest::Proxies { hello }) => {
            hello.agree(Party::Client).map_err(too_old)?;
            Ok(Understood::Proxies)
        }
        Heard::Known(ClientRequest::Services { hello }) => {
            hello.agree(Party::Client).map_err(too_old)?;
            Ok(Understood::Services)
        }
        Heard::Known(ClientRequest::Departure { hello }) => {
            hello.agree(Party::Client).map_err(too_old)?;
            Ok(Understood::Departure)
        }
        Heard::Unknown(number) => Err(not_understood(&format!("request {number} of a client"))),
    }
}

/// The last message of a stream.
async fn say(send: &mut SendStream, message: &impl Serialize) {
    if said(send, message).await {
        // It fails only when the client has gone.
        let _ = send.finish();
    }
}

/// Whether the client took the message in time: one that gives no room for it is not waited for.
async fn said(send: &mut SendStream, message: &impl Serialize) -> bool {
    matches!(Budget::new(ANSWER).run(frame::write(send, message, frame::MAX_MESSAGE)).await, Ok(Ok(())))
}
