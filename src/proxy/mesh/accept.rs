//! Lets peers in on port 3021.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quinn::Incoming;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use warren_raft::ProxyId;

use super::load::Load;
use super::marks::Marks;
use super::{Lane, Links, PeerConnection};
use crate::audit::{Denial, Port};
use crate::identity::tls::denied;
use crate::identity::{self, Identity, Role};
use crate::limits::Place;
use crate::net::quic::{self, Door, Profile, SendRoom};
use crate::net::{Env, shown};
use crate::proxy::gatekeeper::Gatekeeper;
use crate::proxy::threads::Threads;
use crate::wire::close::Close;
use crate::wire::{Heard, Hello, LinkKind, Party, PeerHello, TooOld, frame};

/// The accept loop of the peer port.
#[derive(Debug)]
pub(crate) struct PeerAcceptor {
    /// Where it listens.
    pub endpoint: quinn::Endpoint,
    /// How it accepts.
    pub door: Door,
    /// What is known of the ways to peers.
    pub env: Env,
    /// Which links learn of accepted connections.
    pub links: Links,
    /// Where accepted connections go to be served.
    pub made: mpsc::Sender<PeerConnection>,
    /// Where they are driven.
    pub threads: Threads,
    /// Who may come in. A hundred peers that all come back at once need a few handshakes each, and who is refused comes again in a moment.
    pub keeper: Gatekeeper,
}

impl PeerAcceptor {
    /// Accepts until `cancel`. Each handshake has a task and a deadline of its own; beyond a bound of them a newcomer is refused at once.
    pub(crate) async fn run(self, tasks: TaskTracker, cancel: CancellationToken) {
        let (shared, marks) = (Arc::new(self), Arc::new(Mutex::new(Marks::new(Instant::now()))));
        loop {
            let incoming = tokio::select! {
                incoming = shared.endpoint.accept() => incoming,
                () = cancel.cancelled() => return,
            };
            let Some(incoming) = incoming else { return };
            let Some((incoming, pass)) = shared.keeper.admit(incoming) else { continue };
            let shared = shared.clone();
            // A connection is driven where it is accepted, which is before its hello.
            let (from, marks) = (incoming.remote_address().ip(), marks.clone());
            let is_marked = quic::is_marked_as_control(&incoming.orig_dst_cid()) && lock(&marks).heeds(from, Instant::now());
            let drive = if is_marked { Drive::Apart } else { Drive::WithOthers };
            let thread = shared.thread(drive).clone();
            let cancel = cancel.clone();
            let admission = async move {
                let admitted = shared.admit(incoming, drive).await;
                drop(pass);
                match &admitted {
                    Some(_) if drive == Drive::Apart => lock(&marks).keep(from, Instant::now()),
                    None if drive == Drive::Apart => lock(&marks).broke(Instant::now()),
                    Some(_) | None => {}
                }
                if let Some((connection, _place)) = admitted {
                    cancel.run_until_cancelled(connection.closed()).await;
                }
            };
            tasks.spawn_on(admission, &thread);
        }
    }

    fn thread(&self, drive: Drive) -> &Handle {
        match drive {
            Drive::Apart => &self.threads.control,
            Drive::WithOthers => &self.threads.others,
        }
    }

    /// Lets a peer in, and gives its connection with the place that it takes.
    async fn admit(&self, incoming: Incoming, drive: Drive) -> Option<(quinn::Connection, Place<Identity>)> {
        let from = shown(incoming.remote_address());
        match self.keeper.in_time(self.handshake(incoming, drive)).await {
            Some(Ok((made, place))) => {
                if made.lane == Lane::Control {
                    tracing::info!(peer = %made.peer, lane = %made.lane, "peer connected");
                } else {
                    tracing::debug!(peer = %made.peer, lane = %made.lane, "peer connected");
                }
                self.links.accepted(&made);
                let connection = made.connection.clone();
                // Only a proxy that is stopping has nobody left to serve it.
                let _ = self.made.send(made).await;
                return Some((connection, place));
            }
            Some(Err(error)) => {
                tracing::debug!(%from, %error, "peer not admitted");
                self.tell(from, &error);
            }
            None => tracing::debug!(%from, "peer not admitted: its handshake or hello took too long"),
        }
        None
    }

    /// Tells who was turned away for who it is.
    fn tell(&self, from: SocketAddr, error: &NotAdmitted) {
        let denial = match error {
            NotAdmitted::Handshake(error) => denied(error).map(|denied| Denial::from_handshake(Port::Peer, from, &denied)),
            NotAdmitted::NoProxy => Some(Denial::at(Port::Peer, from, error.to_string())),
            NotAdmitted::Hello(_)
            | NotAdmitted::TooOld(_)
            | NotAdmitted::Kind(_)
            | NotAdmitted::Lane { .. }
            | NotAdmitted::Marked(_)
            | NotAdmitted::TooMany(_) => None,
        };
        denial.into_iter().for_each(|denial| self.env.audit.denied(denial));
    }

    async fn handshake(&self, incoming: Incoming, drive: Drive) -> Result<(PeerConnection, Place<Identity>), NotAdmitted> {
        let connection = self.door.accept(incoming, &self.env)?.await?;
        self.env.paths.met(&connection);
        let (peer, identity) = proxy_of(&connection).ok_or_else(|| {
            Close::REFUSED.close(&connection);
            NotAdmitted::NoProxy
        })?;
        let place = self.keeper.place(&identity, &connection).ok_or(NotAdmitted::TooMany(peer))?;
        let (mut send, mut recv) = connection.accept_bi().await?;
        let hello: PeerHello = frame::read(&mut recv, frame::MAX_MESSAGE).await.inspect_err(|_| Close::PROTOCOL.close(&connection))?;
        let not_spoken = |error: NotAdmitted| {
            Close::VERSION.close_because(&connection, &error);
            error
        };
        let agreed = hello.hello.agree(Party::Proxy).map_err(|error| not_spoken(error.into()))?;
        let kind = match hello.kind {
            Heard::Known(kind) => kind,
            Heard::Unknown(number) => return Err(not_spoken(NotAdmitted::Kind(number))),
        };
        let lane = Lane::of(kind, hello.lane).ok_or_else(|| not_spoken(NotAdmitted::Lane { kind, number: hello.lane }))?;
        if drive == Drive::Apart && lane != Lane::Control {
            // It would hold up control, which an honest peer does not ask for.
            Close::PROTOCOL.close(&connection);
            return Err(NotAdmitted::Marked(lane));
        }
        let ours = PeerHello { hello: Hello::ours(), kind: Heard::Known(kind), lane: lane.number() };
        frame::write(&mut send, &ours, frame::MAX_MESSAGE).await?;
        tracing::debug!(%peer, version = agreed.version, features = agreed.features, software = hello.hello.software(), "hello");
        if let Lane::Data(_) = lane {
            Profile::PeerBulk.settle(&connection);
        }
        let load = Load::over(SendRoom::new(&connection, &self.env.paths));
        Ok((PeerConnection { peer, lane, connection, load }, place))
    }
}

/// Why a connection to the peer port is not admitted.
#[derive(Debug, thiserror::Error)]
enum NotAdmitted {
    #[error("the handshake failed: {0}")]
    Handshake(#[from] quinn::ConnectionError),
    #[error("the certificate names no proxy")]
    NoProxy,
    #[error("proxy {0} has too many connections already")]
    TooMany(ProxyId),
    #[error("the hello failed: {0}")]
    Hello(#[from] frame::FrameError),
    #[error(transparent)]
    TooOld(#[from] TooOld),
    #[error("a connection of kind {0} is not known to this version of warren")]
    Kind(u32),
    #[error("lane {number} of kind {} is not known to this version of warren", .kind.as_str())]
    Lane { kind: LinkKind, number: u8 },
    #[error("it was marked as a control connection, and is {0}")]
    Marked(Lane),
}

/// On which thread a connection is driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drive {
    /// Its dialler says that it is for control.
    Apart,
    /// It does not, so it may be anything.
    WithOthers,
}

fn proxy_of(connection: &quinn::Connection) -> Option<(ProxyId, Identity)> {
    let (identity, _) = identity::peer_identity(connection)?;
    if identity.role != Role::Proxy {
        return None;
    }
    identity.name.parse().ok().map(|id| (ProxyId(id), identity))
}

fn lock(marks: &Mutex<Marks>) -> MutexGuard<'_, Marks> {
    marks.lock().unwrap_or_else(PoisonError::into_inner)
}
