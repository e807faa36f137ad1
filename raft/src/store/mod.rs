//! The running member: openraft over a disk and a transport, and the table it keeps.

#[cfg(test)]
mod conformance;
mod log;
mod records;
mod runtime;
mod state;
mod types;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use crate::command::{Accepted, Bootstrap, Command, Rejection};
use crate::disk::Disk;
use crate::ids::{Epoch, ProxyId, Timestamp};
use crate::table::Table;
use crate::transport::Transport;

/// What a member needs to know.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// This proxy.
    pub id: ProxyId,
    /// How often a leader shows itself.
    pub heartbeat: Duration,
    /// How long a follower waits for it; the actual time is drawn between once and twice this.
    pub election_timeout: Duration,
    /// Most voters.
    pub max_voters: usize,
    /// How long a learner must have been healthy to be promoted.
    pub promote_after: Duration,
    /// How long a lease lasts.
    pub lease: Duration,
    /// Seeds the election timeouts and every retry's jitter.
    pub seed: u64,
    /// Reads the wall clock for the proposals of this member.
    pub wall: fn() -> Timestamp,
}

/// A member of the group.
#[derive(Clone)]
pub struct RoutingStore {}

/// A command that is committed, and applied on this member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The log index it stands at.
    pub index: u64,
    /// What it did.
    pub answer: Accepted,
}

/// Why a command is not known to be committed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// It was committed and changed nothing.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// No leader took it and confirmed it in time. It may still be committed later.
    #[error("no quorum confirmed the change within {0:?}")]
    NoQuorum(Duration),
    /// Too many commands wait already; this one was not taken.
    #[error("{0} changes are waiting already")]
    QueueFull(usize),
    /// The store has stopped.
    #[error("the store has stopped: {0}")]
    Stopped(String),
}

/// Why a read could not be confirmed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// No leader confirmed in time.
    #[error("no quorum confirmed the read within {0:?}")]
    NoQuorum(Duration),
    /// The store has stopped.
    #[error("the store has stopped: {0}")]
    Stopped(String),
}

/// A request that is not one of this store's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a garbled request")]
pub struct Garbled;

pub use crate::disk::OpenError;

/// Whether this proxy may act for the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseState {
    /// It has an epoch and the leader renews it.
    Held(Epoch),
    /// It has never had one, or could not renew it in time.
    Lost,
}

/// What a member knows of the group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreStatus {
    /// This member.
    pub id: ProxyId,
    /// `leader`, `follower`, `candidate`, `learner` or `stopped`.
    pub state: &'static str,
    /// The leader, as far as it is known.
    pub leader: Option<ProxyId>,
    /// The current term.
    pub term: u64,
    /// The last entry in the log.
    pub last_log_index: u64,
    /// The last committed entry that this member knows of.
    pub committed_index: u64,
    /// The last entry applied to the table.
    pub applied_index: u64,
    /// The last entry in the snapshot.
    pub snapshot_index: u64,
    /// Members that vote.
    pub voters: Vec<ProxyId>,
    /// Members that do not.
    pub learners: Vec<ProxyId>,
    /// On the leader: how many entries each other member lags behind. Empty elsewhere.
    pub lag: Vec<(ProxyId, u64)>,
}

impl RoutingStore {
    /// Opens the member on its disk and starts it. Without a log it waits to be added to a group, or for [`bootstrap`](Self::bootstrap).
    ///
    /// # Errors
    /// [`OpenError`] for a damaged or foreign store.
    pub async fn open(_config: StoreConfig, _disk: Arc<dyn Disk>, _transport: Arc<dyn Transport>) -> Result<Self, OpenError> {
        todo!()
    }

    /// Creates a group of one from an empty store.
    ///
    /// # Errors
    /// [`ProposeError`] when the store is not empty or its disk fails.
    pub async fn bootstrap(&self, _bootstrap: Bootstrap) -> Result<(), ProposeError> {
        todo!()
    }

    /// The newest version of the table on this member. Never waits.
    pub fn table(&self) -> Arc<Table> {
        todo!()
    }

    /// Changes whenever the table has: the index of the last entry applied.
    pub fn applied(&self) -> watch::Receiver<u64> {
        todo!()
    }

    /// Commits `command` through the leader, whoever it is, and returns once it is applied here.
    ///
    /// # Errors
    /// [`ProposeError`]
    pub async fn propose(&self, _command: Command, _deadline: Duration) -> Result<Committed, ProposeError> {
        todo!()
    }

    /// Confirms with the leader that the table holds everything that was committed before this call (ReadIndex, Raft thesis
    /// section 6.4), waiting until it does.
    ///
    /// # Errors
    /// [`ReadError`]
    pub async fn confirm(&self, _deadline: Duration) -> Result<Arc<Table>, ReadError> {
        todo!()
    }

    /// Starts this proxy's life in the table: proposes `StartProxy` with these particulars, keeps the lease renewed, and asks for a new epoch
    /// whenever it was lost.
    pub fn live(&self, _start: crate::command::ProxyStart) {
        todo!()
    }

    /// Whether this proxy holds its lease.
    pub fn lease(&self) -> watch::Receiver<LeaseState> {
        todo!()
    }

    /// Answers a request that another member's [`Transport`] sent to this one.
    ///
    /// # Errors
    /// [`Garbled`]
    pub async fn handle(&self, _from: ProxyId, _request: Bytes) -> Result<Bytes, Garbled> {
        todo!()
    }

    /// What this member knows of the group.
    pub fn status(&self) -> StoreStatus {
        todo!()
    }

    /// Resolves when the store has stopped by itself, with the reason: the process must not live on without it.
    pub async fn failed(&self) -> String {
        todo!()
    }

    /// Stops the member and closes its disk.
    pub async fn shutdown(&self) {
        todo!()
    }
}
