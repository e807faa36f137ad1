//! The listeners of the ways in.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use warren_raft::{IngressAdmits, IngressKind, IngressRule, Reach};

use super::entrance::{Entrances, ProxyEntrance};
use super::listening::Listening;
use super::metrics::IngressMetrics;
use crate::identity::IngressTls;
use crate::ingress::{Door, Outcome, Protocol, Visitor, Who, front};
use crate::limits::places::Bound as Most;
use crate::limits::{Bounds, Limit, LiveLimits, Place, Places, Source};
use crate::net::{Env, Listener, Stream};
use crate::proxy::handover::Drain;
use crate::proxy::settings::IngressDoor;
use crate::proxy::start_error::StartError;

/// How long accepting rests after it failed, most likely for want of descriptors.
const ACCEPT_REST: Duration = Duration::from_millis(100);
/// How often a door is tried that could not be opened again.
const REOPEN: Duration = Duration::from_secs(1);

/// A door whose address is taken.
pub(in crate::proxy) struct Bound {
    door: IngressDoor,
    address: SocketAddr,
    listener: Box<dyn Listener>,
}

impl Bound {
    /// Takes the address of each door.
    pub(in crate::proxy) async fn bind_all(doors: &[IngressDoor], env: &Env) -> Result<Vec<Self>, StartError> {
        let mut bound = Vec::new();
        for door in doors {
            let address = door.listen;
            let failed = |error| StartError::Ingress { address, error };
            let listener = env.net.listen(address).await.map_err(failed)?;
            let address = listener.local_addr().map_err(failed)?;
            tracing::info!(ingress = %kind(&door.protocol), listen = %address, authentication = %door.admits, "ingress listens");
            bound.push(Self { door: door.clone(), address, listener });
        }
        Ok(bound)
    }

    /// The address that it listens at.
    pub(in crate::proxy) fn ip(&self) -> IpAddr {
        self.address.ip()
    }

    /// What the cluster is told of it.
    pub(in crate::proxy) fn rule(&self) -> IngressRule {
        let IngressDoor { protocol, admits, reach, .. } = &self.door;
        let reach = if *admits == IngressAdmits::Anybody { reach.clone() } else { Vec::<Reach>::new() };
        IngressRule { kind: kind(protocol), listen: self.address.to_string(), admits: *admits, reach }
    }
}

/// The kind of a door.
fn kind(protocol: &Protocol) -> IngressKind {
    match protocol {
        Protocol::Tcp(_) => IngressKind::Tcp,
        Protocol::Tls(_) => IngressKind::Tls,
        Protocol::HttpConnect(..) => IngressKind::HttpConnect,
        Protocol::Socks5(..) => IngressKind::Socks5,
    }
}

/// What the listeners of all doors have in common.
#[derive(Clone)]
pub(in crate::proxy) struct IngressListeners {
    pub(in crate::proxy) env: Env,
    pub(in crate::proxy) entrances: Arc<Entrances>,
    pub(in crate::proxy) limits: LiveLimits,
    pub(in crate::proxy) tls: IngressTls,
    pub(in crate::proxy) metrics: IngressMetrics,
    pub(in crate::proxy) listening: Listening,
    pub(in crate::proxy) drain: Drain,
    pub(in crate::proxy) tasks: TaskTracker,
    pub(in crate::proxy) stopped: CancellationToken,
}

impl IngressListeners {
    /// Serves each door in a task of its own.
    pub(in crate::proxy) fn serve(self, bound: Vec<Bound>) {
        for (number, bound) in (0_u16..).zip(bound) {
            let kind = kind(&bound.door.protocol);
            self.metrics.show(kind);
            let listen = bound.address;
            let (all, each): (Most, Most) = (|limits| limits.ingress_connections, |limits| limits.ingress_connections_per_source);
            let all = Bounds { each: None, all: Some((all, Limit::IngressConnections)) };
            let each = Bounds { each: Some((each, Limit::IngressConnectionsPerSource)), all: None };
            let shared = Arc::new(Serving {
                all: Places::new(self.limits.clone(), all),
                sources: Places::new(self.limits.clone(), each),
                entrance: ProxyEntrance::new(self.entrances.clone(), (number, kind, listen)),
                kind,
                listen,
                settings: bound.door,
                listeners: self.clone(),
            });
            self.tasks.spawn(shared.run(bound.listener));
        }
    }
}

/// A door that is served.
struct Serving {
    all: Places<()>,
    sources: Places<Source>,
    entrance: ProxyEntrance,
    kind: IngressKind,
    listen: SocketAddr,
    settings: IngressDoor,
    listeners: IngressListeners,
}

impl Serving {
    /// Accepts until this proxy stops, but not while it drains: whoever balances over several proxies is refused and goes elsewhere.
    async fn run(self: Arc<Self>, listener: Box<dyn Listener>) {
        let mut open = Some(listener);
        let stopped = self.listeners.stopped.clone();
        let served = async {
            loop {
                let listener = match open.take() {
                    Some(listener) => listener,
                    None => self.open_again().await,
                };
                tokio::select! {
                    () = self.accept(listener) => {}
                    () = self.listeners.drain.begun() => tracing::info!(ingress = %self.kind, listen = %self.listen, "ingress shut: this proxy drains"),
                }
                self.listeners.drain.resumed().await;
            }
        };
        stopped.run_until_cancelled(served).await;
    }

    async fn open_again(&self) -> Box<dyn Listener> {
        let _shut = self.listeners.listening.shut();
        let mut told = None;
        loop {
            match self.listeners.env.net.listen(self.listen).await {
                Ok(listener) => {
                    tracing::info!(ingress = %self.kind, listen = %self.listen, "ingress open again");
                    return listener;
                }
                // Once for each reason: it is tried every second.
                Err(error) if told.replace(error.kind()) != Some(error.kind()) => {
                    tracing::warn!(ingress = %self.kind, listen = %self.listen, %error, "ingress cannot be opened again: it is tried until it can");
                }
                Err(_) => {}
            }
            sleep(REOPEN).await;
        }
    }

    async fn accept(self: &Arc<Self>, mut listener: Box<dyn Listener>) {
        loop {
            match listener.accept().await {
                Ok((stream, from)) => self.admit(stream, from),
                Err(error) => {
                    tracing::warn!(ingress = %self.kind, %error, "a connection cannot be accepted");
                    sleep(ACCEPT_REST).await;
                }
            }
        }
    }

    fn admit(self: &Arc<Self>, stream: Box<dyn Stream>, from: SocketAddr) {
        let place = match self.all.take(&()) {
            Ok(place) => place,
            Err(limit) => return self.turn_away(limit, stream),
        };
        let serving = self.clone();
        let span = tracing::info_span!("ingress", ingress = %self.kind, listen = %self.listen);
        let served = async move {
            let _open = serving.listeners.metrics.open(serving.kind);
            let stopped = serving.listeners.stopped.clone();
            if let Some(Some(outcome)) = stopped.run_until_cancelled(serving.serve(stream, from)).await {
                serving.listeners.metrics.ended(serving.kind, outcome);
                tracing::debug!(%from, %outcome, "connection ended");
            }
            drop(place);
        };
        self.listeners.tasks.spawn(served.instrument(span));
    }

    fn turn_away(&self, limit: Limit, stream: Box<dyn Stream>) {
        self.entrance.reached().note(limit);
        self.listeners.metrics.ended(self.kind, Outcome::Limited);
        stream.abort();
    }

    /// Serves a connection; `None` where what became of it is counted already.
    async fn serve(&self, stream: Box<dyn Stream>, from: SocketAddr) -> Option<Outcome> {
        let (stream, from) = match self.behind(stream, from).await {
            Ok(known) => known,
            Err(outcome) => return Some(self.note(outcome)),
        };
        let _place: Place<Source> = match self.sources.take(&from.ip().into()) {
            Ok(place) => place,
            Err(limit) => {
                self.turn_away(limit, stream);
                return None;
            }
        };
        let (stream, who) = match self.settings.admits {
            IngressAdmits::Anybody | IngressAdmits::Password => (stream, Who::Anybody),
            IngressAdmits::Certificate => match self.listeners.tls.accept(stream, self.listeners.limits.now().handshake_timeout).await {
                Ok((stream, leaf)) => match leaf.identity.name.parse() {
                    Ok(client) => (stream, Who::Certificate(client, leaf.key, leaf.serial)),
                    Err(_) => return Some(Outcome::Unauthenticated),
                },
                Err(error) => {
                    tracing::debug!(%from, %error, "not admitted");
                    self.entrance.denied(from, error.to_string());
                    return Some(Outcome::Unauthenticated);
                }
            },
        };
        // As the limits are now.
        let door = Door { protocol: self.settings.protocol.clone(), header_timeout: self.listeners.limits.now().header_timeout };
        Some(self.note(door.serve(stream, Visitor { from, who }, &self.entrance).await))
    }

    /// The stream behind the PROXY header and where it comes from, if there is to be one.
    async fn behind(&self, stream: Box<dyn Stream>, from: SocketAddr) -> Result<(Box<dyn Stream>, SocketAddr), Outcome> {
        if self.settings.trusted.is_empty() {
            return Ok((stream, from));
        }
        if !self.settings.trusted.iter().any(|network| network.contains(from.ip())) {
            self.entrance.denied(from, "it is from none of `proxy_protocol_from`".to_owned());
            stream.abort();
            return Err(Outcome::Untrusted);
        }
        let (stream, origin) = front::origin(stream, self.listeners.limits.now().header_timeout).await.inspect_err(|outcome| {
            if *outcome == Outcome::Malformed {
                self.entrance.denied(from, "it begins with no PROXY header of version 2".to_owned());
            }
        })?;
        Ok((stream, origin.unwrap_or(from)))
    }

    fn note(&self, outcome: Outcome) -> Outcome {
        if outcome == Outcome::Silent {
            self.entrance.reached().note(Limit::HeaderTimeout);
        }
        outcome
    }
}
