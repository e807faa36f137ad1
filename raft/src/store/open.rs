//! Opens a member: its disk for the first time, and the tasks around it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};

use arc_swap::ArcSwapOption;
use tokio::sync::{RwLock, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::campaign::{mind_the_majority, part_candidates};
use super::care::{change_members, expire_leases};
use super::commit_times::CommitClock;
use super::config::StoreConfig;
use super::core::Core;
use super::engine::Engine;
use super::failure::Failure;
use super::health::DiskState;
use super::lease_desk::LeaseDesk;
use super::led::Led;
use super::levels::raise_level;
use super::log::Sizes;
use super::network::Network;
use super::opening::Instance;
use super::proposer::Proposer;
use super::reader::Reader;
use super::receiver::Receiver;
use super::routing_store::{Inner, RoutingStore};
use super::snapshotting::take_snapshots;
use super::state::Published;
use super::status::LeaseState;
use super::supervisor::Supervisor;
use super::timing::ElectionTimes;
use crate::disk::{OpenError, Volume};
use crate::ids::Incarnation;
use crate::transport::Transport;

impl RoutingStore {
    /// Opens the member on its disk and starts it. Without a log it waits to be added to a group, or for [`bootstrap`](Self::bootstrap).
    ///
    /// Everything runs on the runtime it is called on, but for the disk.
    ///
    /// # Errors
    /// [`OpenError`] for a damaged or foreign store, or settings that contradict each other.
    pub async fn open(config: StoreConfig, volume: Arc<dyn Volume>, transport: Arc<dyn Transport>) -> Result<Self, OpenError> {
        let times = ElectionTimes::of(&config).map_err(|error| OpenError::Settings(error.to_string()))?;
        let tasks = TaskTracker::new();
        let published = Arc::new(Published::default());
        let core = Arc::new(Core {
            openings: watch::Sender::new(Incarnation(0)),
            committed: Arc::new(AtomicU64::new(0)),
            shelf: ArcSwapOption::empty(),
            sizes: Sizes::default(),
            disk_bytes: AtomicU64::new(0),
            receiver: Receiver::default(),
            leases: LeaseDesk::new(config.lease, times.lease),
            led: Led::new(times.lease),
            failure: Failure::default(),
            disk: watch::Sender::new(DiskState::Writable),
            gate: RwLock::default(),
            missed_renewals: AtomicU64::new(0),
            commits: CommitClock::default(),
            failed_ways: AtomicUsize::new(0),
            engine: Engine::new(config.id),
            network: Network::new(config.id, config.heartbeat, transport, Arc::clone(&published)),
            published,
            config,
        });
        let instance = Instance::open(&core, Arc::clone(&volume), &tasks).await?;
        core.engine.put(instance.raft.clone());
        let stop = CancellationToken::new();
        let supervisor = Supervisor { core: Arc::clone(&core), volume, tasks: tasks.clone(), stop: stop.clone() };
        let inner = run(core, tasks, stop);
        inner.spawn_to_its_end(5, supervisor.run(instance));
        Ok(Self::new(inner))
    }
}

/// Starts the tasks of a member, but for the one that keeps openraft running.
fn run(core: Arc<Core>, tasks: TaskTracker, stop: CancellationToken) -> Inner {
    let (proposer, queue) = Proposer::new();
    let (reader, questions) = Reader::new();
    let inner = Inner { lease: watch::Sender::new(LeaseState::Lost), life: watch::Sender::new(None), core, proposer, reader, tasks, stop };
    let core = &inner.core;
    inner.spawn(1, queue.run(Arc::clone(core)));
    inner.spawn(2, questions.run(Arc::clone(core)));
    inner.spawn(3, expire_leases(Arc::clone(core), inner.proposer.clone()));
    inner.spawn(4, change_members(Arc::clone(core), inner.proposer.clone()));
    inner.spawn(10, take_snapshots(Arc::clone(core)));
    inner.spawn(7, mind_the_majority(Arc::clone(core)));
    inner.spawn(8, raise_level(Arc::clone(core), inner.proposer.clone()));
    inner.spawn(9, part_candidates(Arc::clone(core)));
    inner
}
