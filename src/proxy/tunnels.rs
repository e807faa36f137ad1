//! The tunnels that agents hold to this proxy.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use quinn::{RecvStream, SendStream};
use tokio::sync::watch;
use warren_raft::{AgentName, Sequence, Service, ServiceName};

use crate::net::{Budget, Elapsed};
use crate::target::{Target, port_of};
use crate::wire::Held;
use crate::wire::close::Close;
use crate::wire::peer::MAX_HELD;

/// One agent's QUIC connection to this proxy.
#[derive(Debug)]
pub(super) struct Tunnel {
    /// Whose it is.
    pub agent: AgentName,
    /// The agent's number for it.
    pub sequence: Sequence,
    /// The connection.
    pub connection: quinn::Connection,
    /// What the agent says that it publishes, by name; its version goes with it into the table.
    pub offer: Offer,
    standing: watch::Sender<Standing>,
    streams: AtomicU64,
    limit: u64,
}

/// What an agent says of itself in its hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// Its services, by name.
    pub services: Vec<Service>,
    /// Its version.
    pub version: String,
}

/// How a tunnel stands in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its route is being registered: no dial may come yet.
    Pending,
    /// Its route cannot be registered, or not be kept, since there is no quorum. Dials may come from whoever cannot read the table either.
    Waiting,
    /// Its route is committed, at this log index.
    Registered(u64),
}

/// Why a tunnel gives no stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum StreamError {
    /// The connection is gone.
    #[error("the tunnel is gone: {0}")]
    Gone(#[from] quinn::ConnectionError),
    /// It allows no further stream in time.
    #[error("the tunnel took no stream in time")]
    Deadline,
    /// It carries as many as it may.
    #[error("the tunnel carries {0} streams already")]
    Limit(u64),
}

impl From<Elapsed> for StreamError {
    fn from(_: Elapsed) -> Self {
        Self::Deadline
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending => f.write_str("pending"),
            Self::Waiting => f.write_str("waiting for a quorum"),
            Self::Registered(index) => write!(f, "registered at {index}"),
        }
    }
}

/// A place among a tunnel's streams, given back when dropped.
#[derive(Debug)]
pub(super) struct StreamPermit(Arc<Tunnel>);

impl Drop for StreamPermit {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Tunnel {
    /// A tunnel that carries at most `limit` streams.
    pub(super) fn new(agent: AgentName, sequence: Sequence, connection: quinn::Connection, offer: Offer, limit: u64) -> Self {
        let standing = watch::Sender::new(Standing::Pending);
        Self { agent, sequence, connection, offer, standing, streams: AtomicU64::new(0), limit }
    }

    /// How it stands in the table, and whenever that changes.
    pub(super) fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// Notes how it stands in the table.
    pub(super) fn stands(&self, standing: Standing) {
        self.standing.send_if_modified(|known| std::mem::replace(known, standing) != standing);
    }

    /// Whether dials may come over it from those who cannot read the table.
    fn serves(&self) -> bool {
        *self.standing.borrow() != Standing::Pending && self.connection.close_reason().is_none()
    }

    /// Streams that run over it now.
    pub(super) fn streams(&self) -> u64 {
        self.streams.load(Ordering::Relaxed)
    }

    /// Opens a stream to the agent.
    ///
    /// # Errors
    /// [`StreamError`]
    pub(super) async fn open(self: &Arc<Self>, budget: Budget) -> Result<(StreamPermit, SendStream, RecvStream), StreamError> {
        let running = self.streams.fetch_add(1, Ordering::Relaxed);
        let permit = StreamPermit(self.clone());
        if running >= self.limit {
            return Err(StreamError::Limit(self.limit));
        }
        let (send, recv) = budget.run(self.connection.open_bi()).await??;
        Ok((permit, send, recv))
    }
}

/// The tunnels by agent, at most one each: the newest.
#[derive(Debug, Default)]
pub(super) struct Tunnels {
    by_agent: Mutex<BTreeMap<AgentName, Arc<Tunnel>>>,
}

/// A newer tunnel of the same agent is here already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a newer tunnel, sequence {current}, is here already")]
pub(super) struct Outdated {
    /// The newer one's number.
    pub current: Sequence,
}

impl Tunnels {
    /// Takes in a tunnel; an older one of the same agent is closed.
    ///
    /// # Errors
    /// [`Outdated`] if it is itself the older one.
    pub(super) fn insert(&self, tunnel: Arc<Tunnel>) -> Result<(), Outdated> {
        let mut tunnels = self.lock();
        if let Some(known) = tunnels.get(&tunnel.agent) {
            if known.sequence >= tunnel.sequence {
                return Err(Outdated { current: known.sequence });
            }
            Close::REPLACED.close(&known.connection);
        }
        tunnels.insert(tunnel.agent.clone(), tunnel);
        Ok(())
    }

    /// Forgets `tunnel`, unless a newer one has taken its place.
    pub(super) fn remove(&self, tunnel: &Tunnel) {
        let mut tunnels = self.lock();
        if tunnels.get(&tunnel.agent).is_some_and(|known| known.sequence == tunnel.sequence) {
            tunnels.remove(&tunnel.agent);
        }
    }

    /// The tunnel of `agent`, if its connection is live.
    pub(super) fn get(&self, agent: &AgentName) -> Option<Arc<Tunnel>> {
        self.lock().get(agent).filter(|tunnel| tunnel.connection.close_reason().is_none()).cloned()
    }

    /// What `target` may mean among the live tunnels here, by agent, whatever the table says; at most [`MAX_HELD`].
    pub(super) fn held(&self, target: &Target) -> Vec<Held> {
        let tunnels = self.lock();
        let matching = |tunnel: &Arc<Tunnel>| {
            let service = meant(&tunnel.offer.services, target)?;
            tunnel.serves().then(|| Held { agent: tunnel.agent.clone(), service })
        };
        match target {
            Target::Service(agent, _) | Target::Port(agent, _) => tunnels.get(agent).and_then(matching).into_iter().collect(),
            Target::Any(_) => tunnels.values().filter_map(matching).take(MAX_HELD).collect(),
        }
    }

    /// All of them, by agent.
    pub(super) fn all(&self) -> Vec<Arc<Tunnel>> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<AgentName, Arc<Tunnel>>> {
        self.by_agent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which of an agent's services a target means.
fn meant(services: &[Service], target: &Target) -> Option<ServiceName> {
    let found = services.iter().find(|known| match target {
        Target::Service(_, service) | Target::Any(service) => known.name == *service,
        Target::Port(_, port) => port_of(&known.target) == Some(*port),
    });
    found.map(|known| known.name.clone())
}
