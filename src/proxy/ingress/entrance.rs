//! A proxy's dialler behind its ways in.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tracing::Instrument;
use warren_raft::{ClientName, IngressKind, KeyHash, ProxyId, RoutingStore, TokenRole};

use super::logins::Logins;
use crate::audit::Denial;
use crate::failure::{Code, Failure, Stage};
use crate::ingress::{Connected, Entrance, Visitor, Who};
use crate::limits::{Place, Reached};
use crate::net::relay::{self, Relayed};
use crate::net::{Budget, Env, Stream};
use crate::proxy::caller::{Caller, Shown};
use crate::proxy::dial::{Connection, Dialer, Wanted};
use crate::proxy::dial_metrics::DialPath;
use crate::proxy::grants::{Grant, Granted, Grants};
use crate::proxy::handover::{Entered, Entering};
use crate::proxy::metrics::Metrics;
use crate::proxy::public::{Shares, ToldDial, is_enrolled};
use crate::proxy::tuning::Tuning;
use crate::target::Target;
use crate::wire::TraceId;

/// How long the leader may take to confirm that a client is enrolled.
const CONFIRM: Duration = Duration::from_secs(3);

/// What the doors of a proxy have in common.
pub(in crate::proxy) struct Entrances {
    pub(in crate::proxy) me: ProxyId,
    pub(in crate::proxy) name: String,
    pub(in crate::proxy) env: Env,
    pub(in crate::proxy) store: RoutingStore,
    pub(in crate::proxy) dialer: Arc<Dialer>,
    pub(in crate::proxy) tuning: Tuning,
    pub(in crate::proxy) shares: Shares,
    pub(in crate::proxy) metrics: Metrics,
    pub(in crate::proxy) grants: Arc<Grants>,
    pub(in crate::proxy) entering: Entering,
    pub(in crate::proxy) logins: Logins,
}

/// One door.
pub(in crate::proxy) struct ProxyEntrance {
    shared: Arc<Entrances>,
    rule: u16,
    /// Its kind and address, in the audit log.
    label: String,
}

impl ProxyEntrance {
    /// The door with this number, of this kind, at this address.
    pub(super) fn new(shared: Arc<Entrances>, (rule, kind, listen): (u16, IngressKind, SocketAddr)) -> Self {
        Self { shared, rule, label: format!("{kind} {listen}") }
    }

    /// What is counted when a limit is reached.
    pub(super) fn reached(&self) -> &Reached {
        self.shared.metrics.reached()
    }

    /// Somebody was turned away.
    pub(super) fn denied(&self, from: SocketAddr, reason: String) {
        self.shared.env.audit.denied(Denial::at_ingress(&self.label, from, reason));
    }

    /// For whom a dial is, and what they have shown.
    async fn caller(&self, who: &Who) -> Result<(Caller, Shown), Failure> {
        match who {
            Who::Anybody => self.published().map(|caller| (caller, Shown::Nothing)),
            Who::Password(client, secret) => Ok((Caller::Client(client.clone()), Shown::Secret(*secret))),
            Who::Certificate(client, key, serial) => {
                self.enrolled(client, *key).await?;
                Ok((Caller::Client(client.clone()), Shown::Certificate(*key, *serial)))
            }
        }
    }

    /// The same, unless this proxy goes away, which does not before the dial is carried or has failed.
    async fn let_in(&self, who: &Who) -> Result<((Caller, Shown), Entered), Failure> {
        let going = || Failure::new(Code::PeerUnreachable, Stage::Ingress, "this proxy is about to stop").with_hint("use another proxy");
        let entered = self.shared.entering.ask().ok_or_else(going)?;
        Ok((self.caller(who).await?, entered))
    }

    /// Whoever shows nothing, once the cluster knows what this door lets through: the owner of a tunnel would refuse it before.
    fn published(&self) -> Result<Caller, Failure> {
        let Entrances { me, store, .. } = &*self.shared;
        if store.with_table(|table| table.ingress_rule(*me, self.rule).is_some()) {
            return Ok(Caller::Ingress { proxy: *me, rule: self.rule });
        }
        Err(Failure::new(Code::NoQuorum, Stage::Store, "the cluster does not know yet what this way in lets through")
            .with_cause("it is published as soon as there is a quorum, and every proxy knows of ways in")
            .with_hint("`warren raft status` on a proxy's machine shows which proxies are missing, or are to be updated"))
    }

    async fn enrolled(&self, client: &ClientName, key: KeyHash) -> Result<(), Failure> {
        let store = &self.shared.store;
        if is_enrolled(&store.table(), TokenRole::Client, client.as_str(), key) {
            return Ok(());
        }
        // It may have enrolled at another proxy a moment ago.
        let table = store.confirm(CONFIRM).await.map_err(|error| {
            Failure::new(Code::Timeout, Stage::Store, "it could not be confirmed that this client is enrolled")
                .with_cause(error.to_string())
        })?;
        if is_enrolled(&table, TokenRole::Client, client.as_str(), key) {
            return Ok(());
        }
        Err(Failure::new(Code::Denied, Stage::Ingress, "the cluster does not know this client with this key"))
    }

    async fn dial_as(&self, wanted: &Wanted, shown: Shown, told: &mut ToldDial) -> Result<Carrying, Failure> {
        let Entrances { metrics, store, grants, dialer, shares, .. } = &*self.shared;
        let refused = |failure: &Failure| metrics.dials().ended(Some(failure.code()), DialPath::Nowhere);
        let place = match &wanted.caller {
            Caller::Client(client) => Some(shares.stream(client, metrics.reached()).inspect_err(refused)?),
            Caller::Ingress { .. } => None,
        };
        let connection = {
            let _dial = match &wanted.caller {
                Caller::Client(client) => Some(shares.dial(client, metrics.reached()).inspect_err(refused)?),
                Caller::Ingress { .. } => None,
            };
            dialer.dial(wanted).await?
        };
        let Connection { agent, service, path, .. } = &connection;
        store.with_table(|table| told.connected(agent, path, table));
        let grant = Grant { caller: wanted.caller.clone(), shown, agent: agent.clone(), service: service.clone() };
        let granted = grants.stream(grant, |grant| store.with_table(|table| grant.stands(table)));
        tracing::debug!(%agent, hops = path.len(), "dial connected");
        Ok(Carrying { connection, granted, place })
    }
}

#[async_trait]
impl Entrance for ProxyEntrance {
    fn name(&self) -> &str {
        &self.shared.name
    }

    async fn authenticate(&self, from: SocketAddr, name: &str, secret: &str) -> Result<Who, Failure> {
        self.shared.logins.check((from, &self.label), name, secret).await
    }

    async fn dial(&self, target: Target, visitor: &Visitor) -> Result<Box<dyn Connected>, Failure> {
        let Entrances { name, env, metrics, tuning, .. } = &*self.shared;
        let trace = TraceId(env.entropy.bytes());
        let span = tracing::info_span!("dial", %target, %trace);
        let refused = |failure: Failure| failure.at(name.as_str()).with_trace(trace.to_string());
        let ((caller, shown), entered) = self.let_in(&visitor.who).await.map_err(|failure| {
            metrics.dials().ended(Some(failure.code()), DialPath::Nowhere);
            span.in_scope(|| tracing::info!(code = %failure.code(), failure = failure.message(), "dial failed"));
            refused(failure)
        })?;
        let budget = Budget::new(tuning.now().dial_timeout);
        let wanted = Wanted { caller, ingress: Some(self.label.clone()), client_address: visitor.from.to_string(), target, budget, trace };
        let mut told = ToldDial::begin(&env.audit, &wanted, name);
        let dialled = self.dial_as(&wanted, shown, &mut told).instrument(span.clone()).await;
        match dialled {
            Ok(carrying) => Ok(Box::new(Carried { shared: self.shared.clone(), carrying, entered, told, trace, span })),
            Err(failure) => {
                told.failed(&failure);
                Err(refused(failure))
            }
        }
    }
}

/// A way to the agent, and by whose leave.
struct Carrying {
    connection: Connection,
    granted: Granted,
    place: Option<Place<ClientName>>,
}

/// A dial that has connected.
struct Carried {
    shared: Arc<Entrances>,
    carrying: Carrying,
    /// Until it is carried.
    entered: Entered,
    told: ToldDial,
    trace: TraceId,
    span: tracing::Span,
}

#[async_trait]
impl Connected for Carried {
    fn trace(&self) -> String {
        self.trace.to_string()
    }

    async fn carry(self: Box<Self>, stream: Box<dyn Stream>) -> Option<Relayed> {
        let Self { shared, carrying, entered, mut told, span, .. } = *self;
        let Carrying { connection: Connection { open, .. }, granted, place: _place } = carrying;
        let carried = shared.env.readers.begin([None, Some(open.received)]);
        let moved = carried.tellers();
        let (permit, _in_use) = (open.permit, open.in_use);
        let relay = relay::local_while(stream, (open.send, open.recv), carried, granted.revoked().cancelled_owned());
        let running = shared.metrics.streams().begin(permit.as_ref());
        drop(entered);
        let Some(relayed) = running.carry(relay).instrument(span.clone()).await else {
            // The time that this proxy had to drain is over.
            told.cut(&moved);
            return None;
        };
        told.relayed(&relayed);
        shared.metrics.relayed(&relayed);
        Some(relayed)
    }

    fn give_up(self: Box<Self>) {
        let mut open = self.carrying.connection.open;
        crate::wire::close::Close::CANCELLED.abort(&mut open.send, &mut open.recv);
    }
}
