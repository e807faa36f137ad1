//! The tunnels that agents hold to this proxy.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use quinn::{RecvStream, SendStream};
use warren_raft::{AgentName, Sequence};

use crate::net::{Budget, Elapsed};
use crate::wire::close::Close;

/// One agent's QUIC connection to this proxy.
#[derive(Debug)]
pub(super) struct Tunnel {
    /// Whose it is.
    pub agent: AgentName,
    /// The agent's number for it.
    pub sequence: Sequence,
    /// The connection.
    pub connection: quinn::Connection,
    streams: AtomicU64,
    limit: u64,
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
    pub(super) fn new(agent: AgentName, sequence: Sequence, connection: quinn::Connection, limit: u64) -> Self {
        Self { agent, sequence, connection, streams: AtomicU64::new(0), limit }
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

    /// All of them, by agent.
    pub(super) fn all(&self) -> Vec<Arc<Tunnel>> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<AgentName, Arc<Tunnel>>> {
        self.by_agent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
