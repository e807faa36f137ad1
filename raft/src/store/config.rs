//! What a member needs to know.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::disk::DiskDrive;
use crate::ids::{Incarnation, Level, ProxyId, Timestamp};

/// What a member needs to know.
#[derive(Clone)]
pub struct StoreConfig {
    /// This proxy.
    pub id: ProxyId,
    /// How often its store was opened before, from a record outside of the store: one that knows of fewer has forgotten what this member has
    /// promised, and is refused. 0 where there is no record.
    pub opened: Incarnation,
    /// Where peers reach it: `HOST:PORT`, UDP. Written into the log by [`bootstrap`](super::RoutingStore::bootstrap).
    pub peer_address: String,
    /// Members that are known to this one from elsewhere, with their peer addresses: how one that is new finds the leader. Empty
    /// after a restart.
    pub seeds: Vec<(ProxyId, String)>,
    /// How often a leader shows itself.
    pub heartbeat: Duration,
    /// How long a follower waits for it, more than three heartbeats; the actual time is drawn between once and 1.4 times this.
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
    pub wall: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// What hardly anybody changes.
    pub tuning: Tuning,
}

impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreConfig").field("id", &self.id).field("peer_address", &self.peer_address).finish_non_exhaustive()
    }
}

/// What only tests and simulations change.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// What drives the disk.
    pub drive: DiskDrive,
    /// A snapshot is taken when the log behind the last one takes as much as that one, and no less than this.
    pub snapshot_floor_bytes: u64,
    /// A snapshot is taken at the latest after so many entries.
    pub snapshot_after: u64,
    /// So many entries are kept behind a snapshot, for members that lag a little, unless they take more than the floor.
    pub keep_behind_snapshot: u64,
    /// The highest feature level that this member claims to know: a group of several versions in one process.
    pub level: Level,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            drive: DiskDrive::Thread,
            snapshot_floor_bytes: 4 * 1024 * 1024,
            snapshot_after: u64::MAX,
            keep_behind_snapshot: 1_000,
            level: Level::CURRENT,
        }
    }
}
