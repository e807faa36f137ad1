//! Opens a member: checks what is on the disk, starts openraft on it and the tasks around it.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use openraft::{Config, SnapshotPolicy};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::campaign::mind_the_majority;
use super::care::{change_members, expire_leases};
use super::config::StoreConfig;
use super::core::Core;
use super::failure::Failure;
use super::lease_desk::LeaseDesk;
use super::log::LogStore;
use super::network::Network;
use super::proposer::Proposer;
use super::reader::Reader;
use super::receiver::Receiver;
use super::records::{COMMITTED, FORMAT, ID, INCARNATION, PURGED, VOTE, decode, get_meta, put_meta};
use super::routing_store::{Inner, RoutingStore};
use super::runtime::scope;
use super::state::{Published, Shelf, StateMachine};
use super::status::LeaseState;
use super::types::{Entry, LogId, Raft, Vote};
use crate::disk::writer::{Durability, Writer};
use crate::disk::{Disk, DiskError, OpenError, Space};
use crate::ids::{Incarnation, ProxyId};
use crate::transport::Transport;

/// The format of the store's records that this version writes.
const CURRENT_FORMAT: u32 = 2;
/// Most entries in one message to a peer; their bytes are bounded by the log's reader.
const MAX_ENTRIES: u64 = 256;

impl RoutingStore {
    /// Opens the member on its disk and starts it. Without a log it waits to be added to a group, or for [`bootstrap`](Self::bootstrap).
    ///
    /// Everything runs on the runtime it is called on, but for the disk.
    ///
    /// # Errors
    /// [`OpenError`] for a damaged or foreign store, or settings that contradict each other.
    pub async fn open(config: StoreConfig, disk: Arc<dyn Disk>, transport: Arc<dyn Transport>) -> Result<Self, OpenError> {
        let tasks = TaskTracker::new();
        let location = disk.location();
        let writer = Writer::start(disk, config.tuning.drive, &tasks)
            .map_err(|error| OpenError::Settings(format!("no thread for the store in `{location}`: {error}")))?;
        let opened = start(config, writer.clone(), transport, tasks).await;
        if opened.is_err() {
            writer.close().await;
        }
        opened
    }
}

async fn start(config: StoreConfig, writer: Writer, transport: Arc<dyn Transport>, tasks: TaskTracker) -> Result<RoutingStore, OpenError> {
    let raft_config = Arc::new(raft_config(&config)?);
    let incarnation = identify(&writer, &config).await?;
    let published = Arc::new(Published::default());
    let (shelf, image) = Shelf::open(writer.clone()).await?;
    let machine = StateMachine::new(shelf.clone(), image, Arc::clone(&published));
    let log = LogStore::new(writer.clone(), shelf.clone());
    let network = Network { me: config.id, transport, published: Arc::clone(&published), heartbeat: config.heartbeat };
    let core = Arc::new(Core {
        incarnation,
        committed: log.committed(),
        receiver: Receiver::new(shelf),
        leases: LeaseDesk::new(config.lease, config.election_timeout),
        failure: Failure::default(),
        failed_ways: AtomicUsize::new(0),
        raft: scope(config.seed, Raft::new(config.id, raft_config, network.clone(), log, machine))
            .await
            .map_err(|error| OpenError::Damaged { location: writer.location(), reason: error.to_string() })?,
        network,
        published,
        config,
    });
    Ok(RoutingStore::new(run(core, writer, tasks)))
}

/// Starts the tasks of a member.
fn run(core: Arc<Core>, writer: Writer, tasks: TaskTracker) -> Inner {
    let stop = CancellationToken::new();
    let (proposer, queue) = Proposer::new();
    let (reader, questions) = Reader::new();
    let inner = Inner { lease: watch::Sender::new(LeaseState::Lost), life: watch::Sender::new(None), core, proposer, reader, tasks, stop };
    let core = &inner.core;
    inner.spawn(1, queue.run(Arc::clone(core)));
    inner.spawn(2, questions.run(Arc::clone(core)));
    inner.spawn(3, expire_leases(Arc::clone(core), inner.proposer.clone()));
    inner.spawn(4, change_members(Arc::clone(core)));
    inner.spawn(7, mind_the_majority(Arc::clone(core)));
    inner.spawn(5, watch_for_failure(Arc::clone(core), writer.clone(), inner.stop.clone()));
    inner.tasks.spawn(close_when_stopped(inner.stop.clone(), core.raft.clone(), writer));
    inner
}

/// Reports it when the store stops by itself.
async fn watch_for_failure(core: Arc<Core>, writer: Writer, stop: CancellationToken) {
    let mut metrics = core.raft.metrics();
    let reason = tokio::select! {
        biased;
        // Whoever stops it knows.
        () = stop.cancelled() => return,
        stopped = metrics.wait_for(|metrics| metrics.running_state.is_err()) => {
            let reason = stopped.ok().and_then(|metrics| metrics.running_state.clone().err());
            reason.map_or_else(|| "openraft has ended".to_owned(), |fatal| fatal.to_string())
        }
        reason = writer.hung() => reason,
    };
    core.failure.report(reason);
}

/// The end of every member, whether it was shut down or dropped.
async fn close_when_stopped(stop: CancellationToken, raft: Raft, writer: Writer) {
    stop.cancelled().await;
    if tokio::time::timeout(crate::disk::writer::HANG, raft.shutdown()).await.is_err() {
        tracing::error!("openraft does not stop; it is left behind");
    }
    writer.close().await;
}

fn raft_config(config: &StoreConfig) -> Result<Config, OpenError> {
    let millis = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let election = millis(config.election_timeout);
    let raft = Config {
        cluster_name: "warren".to_owned(),
        heartbeat_interval: millis(config.heartbeat),
        election_timeout_min: election,
        election_timeout_max: election.saturating_mul(2),
        install_snapshot_timeout: election.saturating_mul(4).max(1_000),
        max_payload_entries: MAX_ENTRIES,
        snapshot_policy: SnapshotPolicy::LogsSinceLast(config.tuning.snapshot_after),
        max_in_snapshot_log_to_keep: config.tuning.keep_behind_snapshot,
        replication_lag_threshold: config.tuning.snapshot_after.saturating_add(config.tuning.keep_behind_snapshot),
        ..Config::default()
    };
    raft.validate().map_err(|error| OpenError::Settings(error.to_string()))
}

/// Checks whose store it is and that its records can be read, and counts this opening.
async fn identify(writer: &Writer, StoreConfig { id, opened, .. }: &StoreConfig) -> Result<Incarnation, OpenError> {
    let found = writer.read(Identity::read).await?;
    let location = writer.location();
    if let Some(found) = found.format.filter(|format| *format > CURRENT_FORMAT) {
        return Err(OpenError::Format { location, found, known: CURRENT_FORMAT });
    }
    if let Some(found) = found.id.filter(|found| found != id) {
        return Err(OpenError::OtherProxy { location, found, expected: *id });
    }
    if found.incarnation < *opened {
        return Err(OpenError::Reverted { location, found: found.incarnation, known: *opened });
    }
    let incarnation = Incarnation(found.incarnation.0 + 1);
    let batch = vec![put_meta(FORMAT, &CURRENT_FORMAT), put_meta(ID, id), put_meta(INCARNATION, &incarnation)];
    writer.write(batch, Durability::Flushed).await?;
    Ok(incarnation)
}

struct Identity {
    format: Option<u32>,
    id: Option<ProxyId>,
    incarnation: Incarnation,
}

impl Identity {
    fn read(disk: &dyn Disk) -> Result<Self, DiskError> {
        let format = get_meta(disk, FORMAT)?;
        // What openraft reads itself is read here first, where damage still has a name.
        get_meta::<Vote>(disk, VOTE)?;
        get_meta::<Option<LogId>>(disk, COMMITTED)?;
        get_meta::<LogId>(disk, PURGED)?;
        if let Some((_, record)) = disk.last(Space::Log)? {
            decode::<Entry>(disk, &record)?;
        }
        Ok(Self { format, id: get_meta(disk, ID)?, incarnation: get_meta(disk, INCARNATION)?.unwrap_or_default() })
    }
}
