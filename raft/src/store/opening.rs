//! One opening of a member's disk: what is on it is checked, and openraft is started on it.

use std::sync::Arc;
use std::time::Duration;

use openraft::{Config, SnapshotPolicy};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::config::StoreConfig;
use super::core::Core;
use super::log::LogStore;
use super::records::{COMMITTED, FORMAT, ID, INCARNATION, LEVEL, PURGED, VOTE, decode, get_meta, put_meta};
use super::runtime::scope;
use super::state::{KnownLevel, Shelf, StateMachine};
use super::timing::ElectionTimes;
use super::types::{Entry, LogId, Raft, Vote};
use crate::disk::writer::{Durability, HANG, Writer};
use crate::disk::{Disk, DiskError, OpenError, Space, Volume};
use crate::ids::{Incarnation, Level, ProxyId};

/// The format of the store's records that this version writes.
pub(crate) const CURRENT_FORMAT: u32 = 2;
/// How long openraft, and then a disk, may take to end once the disk has failed.
const LAST_ORDERS: Duration = Duration::from_secs(2);
/// Most entries in one message to a peer; their bytes are bounded by the log's reader.
const MAX_ENTRIES: u64 = 256;

/// openraft on an open disk.
pub(crate) struct Instance {
    pub(crate) raft: Raft,
    pub(crate) writer: Writer,
}

impl Instance {
    /// Opens the disk and starts openraft on it.
    pub(crate) async fn open(core: &Core, volume: Arc<dyn Volume>, tasks: &TaskTracker) -> Result<Self, OpenError> {
        let config = Arc::new(raft_config(&core.config)?);
        let writer = Writer::open(volume, core.config.tuning.drive, tasks).await?;
        match start(core, config, &writer).await {
            Ok(raft) => Ok(Self { raft, writer }),
            Err(error) => {
                writer.close().await;
                Err(error)
            }
        }
    }

    /// Stops openraft and closes the disk, for as long as that may take in good order.
    pub(crate) async fn close(self) {
        self.close_within(HANG).await;
    }

    /// The same on a disk that has failed: whatever does not end soon is left behind, the process ends anyhow.
    pub(crate) async fn abandon(self) {
        self.close_within(LAST_ORDERS).await;
    }

    async fn close_within(self, each: Duration) {
        if timeout(each, self.raft.shutdown()).await.is_err() {
            tracing::error!("openraft does not stop; it is left behind");
        }
        self.writer.close_within(each).await;
    }
}

async fn start(core: &Core, config: Arc<Config>, writer: &Writer) -> Result<Raft, OpenError> {
    let incarnation = identify(core, writer).await?;
    let known = KnownLevel { member: core.config.id, level: core.config.tuning.level, failure: core.failure.clone() };
    let (shelf, image) = Shelf::open(writer.clone()).await?;
    shelf.guard();
    let machine = StateMachine::new(shelf.clone(), image, Arc::clone(&core.published)).minding(known, &writer.location())?;
    let log = LogStore::sharing(writer.clone(), shelf.clone(), Arc::clone(&core.committed), core.sizes.clone());
    log.measure().await?;
    core.shelf.store(Some(Arc::new(shelf)));
    // Another seed for each instance: two that draw the same time-outs would not learn from a tie.
    let seed = core.config.seed.wrapping_add(incarnation.0);
    let raft = scope(seed, Raft::new(core.config.id, config, core.network.clone(), log, machine)).await;
    let raft = raft.map_err(|error| OpenError::Damaged { location: writer.location(), reason: error.to_string() })?;
    if raft.metrics().borrow().membership_config.membership().voter_ids().eq([core.config.id]) {
        // Nobody else can lead, so there is nobody to wait for. An instance that has stopped says so by itself.
        let _ = raft.trigger().elect().await;
    }
    Ok(raft)
}

fn raft_config(config: &StoreConfig) -> Result<Config, OpenError> {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let times = ElectionTimes::of(config).map_err(|error| OpenError::Settings(error.to_string()))?;
    let raft = Config {
        cluster_name: "warren".to_owned(),
        heartbeat_interval: millis(config.heartbeat),
        election_timeout_min: millis(times.least),
        election_timeout_max: millis(times.lease),
        install_snapshot_timeout: millis(config.election_timeout).saturating_mul(4).max(1_000),
        max_payload_entries: MAX_ENTRIES,
        // When a snapshot is taken and how much of the log is kept behind it is decided by size, in `snapshotting`.
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: u64::MAX,
        ..Config::default()
    };
    raft.validate().map_err(|error| OpenError::Settings(error.to_string()))
}

/// Checks whose store it is and that its records can be read, and counts this opening.
async fn identify(core: &Core, writer: &Writer) -> Result<Incarnation, OpenError> {
    let id = core.config.id;
    let found = identity_of(writer, (id, core.config.opened.max(core.incarnation())), core.config.tuning.level).await?;
    let incarnation = Incarnation(found.0 + 1);
    let vote = writer.read(|disk| get_meta::<Vote>(disk, VOTE)).await?;
    let mut batch = vec![put_meta(FORMAT, &CURRENT_FORMAT), put_meta(ID, &id), put_meta(INCARNATION, &incarnation)];
    batch.extend(vote.and_then(|vote| resigned(vote, id)).map(|vote| put_meta(VOTE, &vote)));
    writer.write(batch, Durability::Sealed).await?;
    core.openings.send_replace(incarnation);
    Ok(incarnation)
}

/// The vote of a member that led when its store was closed: it has the same term, and is elected anew if it is to lead.
///
/// openraft makes a member whose own vote was accepted the leader again at once, in the same term. But a leader's entry may be committed by its
/// followers before it is on its own disk. After a loss of power it would lead without that entry, confirm reads without it, and write
/// another one in its place under the same log id.
fn resigned(vote: Vote, me: ProxyId) -> Option<Vote> {
    let led = vote.committed && vote.leader_id().voted_for() == Some(me);
    led.then_some(Vote { committed: false, ..vote })
}

/// Checks that it is the store of proxy `id`, opened no less often than is `known`, with nothing above `level` in it, and that its records can be
/// read. Says how often it was opened.
pub(crate) async fn identity_of(writer: &Writer, (id, known): (ProxyId, Incarnation), level: Level) -> Result<Incarnation, OpenError> {
    let found = writer.read(Identity::read).await?;
    let location = writer.location();
    if let Some(found) = found.format.filter(|format| *format > CURRENT_FORMAT) {
        return Err(OpenError::Format { location, found, known: CURRENT_FORMAT });
    }
    if let Some(found) = found.level.filter(|found| *found > level) {
        return Err(OpenError::Outdated { location, found, known: level });
    }
    if let Some(found) = found.id.filter(|found| *found != id) {
        return Err(OpenError::OtherProxy { location, found, expected: id });
    }
    if found.incarnation < known {
        return Err(OpenError::Reverted { location, found: found.incarnation, known });
    }
    Ok(found.incarnation)
}

struct Identity {
    format: Option<u32>,
    level: Option<Level>,
    id: Option<ProxyId>,
    incarnation: Incarnation,
}

impl Identity {
    fn read(disk: &dyn Disk) -> Result<Self, DiskError> {
        let (format, level) = (get_meta(disk, FORMAT)?, get_meta(disk, LEVEL)?);
        // What openraft reads itself is read here first, where damage still has a name.
        get_meta::<Vote>(disk, VOTE)?;
        get_meta::<Option<LogId>>(disk, COMMITTED)?;
        get_meta::<LogId>(disk, PURGED)?;
        if let Some((_, record)) = disk.last(Space::Log)? {
            decode::<Entry>(disk, &record)?;
        }
        Ok(Self { format, level, id: get_meta(disk, ID)?, incarnation: get_meta(disk, INCARNATION)?.unwrap_or_default() })
    }
}
