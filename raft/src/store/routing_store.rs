//! The handle that the rest of warren holds.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use openraft::error::{InitializeError, RaftError};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::commit_times::CommitTimes;
use super::core::Core;
use super::error::{Garbled, ProposeError, ReadError, TransferError};
use super::health::DiskState;
use super::living::Living;
use super::message::{LeaderAnswer, LeaderRequest};
use super::proposer::Proposer;
use super::reader::Reader;
use super::records::encode;
use super::runtime::scope;
use super::saved::Export;
use super::state::Image;
use super::status::{Committed, LeaseState, StoreStatus};
use super::types::Member;
use super::usage::StoreUsage;
use crate::command::{Bootstrap, Command, ProxyStart};
use crate::ids::{Incarnation, Level, ProxyId};
use crate::table::Table;

/// How long the first command of a group of one is waited for: it depends on nobody but the own disk.
const BOOTSTRAP_DEADLINE: Duration = Duration::from_secs(30);

/// A member of the group. Clones are the same member; it stops when it is shut down or the last of them is dropped.
#[derive(Clone)]
pub struct RoutingStore {
    inner: Arc<Inner>,
}

impl fmt::Debug for RoutingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoutingStore({})", self.inner.core.config.id)
    }
}

/// The parts of a running member.
pub(crate) struct Inner {
    pub(crate) core: Arc<Core>,
    pub(crate) proposer: Proposer,
    pub(crate) reader: Reader,
    pub(crate) lease: watch::Sender<LeaseState>,
    /// Stops the life that was begun last.
    pub(crate) life: watch::Sender<Option<CancellationToken>>,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}

impl Inner {
    /// Runs a task of the member until the member stops, with randomness of its own.
    pub(crate) fn spawn(&self, label: u64, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn_until(&self.stop, label, task);
    }

    /// Runs a task that ends by itself when the member stops, with randomness of its own.
    pub(crate) fn spawn_to_its_end(&self, label: u64, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(scope(self.seed(label), task));
    }

    fn spawn_until(&self, stop: &CancellationToken, label: u64, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(scope(self.seed(label), stop.clone().run_until_cancelled_owned(task)));
    }

    fn seed(&self, label: u64) -> u64 {
        self.core.config.seed.rotate_left(17).wrapping_add(label)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl RoutingStore {
    pub(crate) fn new(inner: Inner) -> Self {
        Self { inner: Arc::new(inner) }
    }

    /// Creates a group of one from an empty store. Called again after a crash on the way it finishes what was begun.
    ///
    /// # Errors
    /// [`ProposeError`] when the store is not empty or its disk fails.
    pub async fn bootstrap(&self, bootstrap: Bootstrap) -> Result<(), ProposeError> {
        let core = &self.inner.core;
        let member = Member { address: core.config.peer_address.clone() };
        let raft = core.engine.raft().map_err(|refusal| ProposeError::Stopped(refusal.to_string()))?;
        match raft.initialize(BTreeMap::from([(core.config.id, member)])).await {
            Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => {}
            Err(error) => return Err(ProposeError::Stopped(error.to_string())),
        }
        self.propose(Command::Bootstrap(Box::new(bootstrap)), BOOTSTRAP_DEADLINE).await.map(|_| ())
    }

    /// How often the store was opened, this time included: what the next [`StoreConfig::opened`](super::StoreConfig::opened) is to be.
    pub fn incarnation(&self) -> Incarnation {
        self.inner.core.incarnation()
    }

    /// Changes whenever the store was opened: [`incarnation`](Self::incarnation).
    pub fn openings(&self) -> watch::Receiver<Incarnation> {
        self.inner.core.openings.subscribe()
    }

    /// How the disk does.
    pub fn disk(&self) -> watch::Receiver<DiskState> {
        self.inner.core.disk.subscribe()
    }

    /// How many of so many members that are up are to vote, once they have been so for long enough.
    pub fn seats(&self, fit: usize) -> usize {
        super::care::rules(&self.inner.core.config).seats(fit)
    }

    /// How long it takes, as a rule at most, until the loss of a leader is noticed and another one is elected.
    pub fn election_time(&self) -> Duration {
        self.inner.core.config.election_timeout * 3
    }

    /// The highest feature level that this member knows.
    pub fn known_level(&self) -> Level {
        self.inner.core.config.tuning.level
    }

    /// The newest version of the table on this member. Never waits.
    pub fn table(&self) -> Arc<Table> {
        self.inner.core.published.table()
    }

    /// Looks into the newest version of the table on this member, for as long as `look` takes: cheaper than [`table`](Self::table) where
    /// several threads look something up all the time.
    pub fn with_table<R>(&self, look: impl FnOnce(&Table) -> R) -> R {
        self.inner.core.published.with(look)
    }

    /// Changes whenever the table has: the index of the last entry applied.
    pub fn applied(&self) -> watch::Receiver<u64> {
        self.inner.core.published.applied()
    }

    /// Commits `command` through the leader, whoever it is, and returns once it is applied here. While the disk is full, what starts and
    /// what ends something is committed as ever, and not waited for here; anything else is refused at once.
    ///
    /// # Errors
    /// [`ProposeError`]
    pub async fn propose(&self, command: Command, deadline: Duration) -> Result<Committed, ProposeError> {
        let needs_disk = needs_disk(&command);
        tokio::select! {
            biased;
            reason = self.stopped() => Err(ProposeError::Stopped(reason)),
            reason = self.unwritable(), if needs_disk => Err(ProposeError::Disk(reason)),
            outcome = async {
                self.inner.core.may_propose(&command)?;
                let begun = Instant::now();
                let committed = self.inner.proposer.propose(command, deadline).await?;
                self.inner.core.commits.note(begun.elapsed());
                Ok(committed)
            } => outcome,
        }
    }

    /// Confirms with the leader that the table holds everything that was committed before this call (ReadIndex, Raft thesis
    /// section 6.4), waiting until it does.
    ///
    /// # Errors
    /// [`ReadError`]
    pub async fn confirm(&self, deadline: Duration) -> Result<Arc<Table>, ReadError> {
        tokio::select! {
            biased;
            reason = self.stopped() => Err(ReadError::Stopped(reason)),
            reason = self.unwritable() => Err(ReadError::Disk(reason)),
            outcome = self.inner.reader.confirm(deadline) => outcome,
        }
    }

    /// The newest state of this member, to be kept outside of it. What must be in it is to be [confirmed](Self::confirm) before.
    pub fn export(&self) -> Export {
        let core = &self.inner.core;
        let membership = core.engine.metrics().borrow().membership_config.as_ref().clone();
        let (table, last_applied) = core.published.newest();
        Export::new(Image { last_applied, membership, table: Table::clone(&table) })
    }

    /// Starts this proxy's life in the table: proposes `StartProxy` with these particulars, keeps the lease renewed, and asks for a new epoch
    /// whenever it was lost. Called again it begins a new life with the new particulars. The feature level is the store's own.
    pub fn live(&self, start: ProxyStart) {
        let inner = &self.inner;
        let start = ProxyStart { level: inner.core.config.tuning.level, ..start };
        let living = Living::new(Arc::clone(&inner.core), inner.proposer.clone(), start, inner.lease.clone());
        let life = inner.stop.child_token();
        if let Some(earlier) = inner.life.send_replace(Some(life.clone())) {
            earlier.cancel();
        }
        inner.spawn_until(&life, 6, living.run());
    }

    /// Ends this proxy's life in the table: asks for no further epoch, and ends the one it has, with all of its routes, in one entry. When the
    /// leader cannot be told within `deadline`, the lease ends by itself.
    pub async fn leave(&self, deadline: Duration) {
        let held = *self.inner.lease.borrow();
        if let Some(life) = self.inner.life.send_replace(None) {
            life.cancel();
        }
        let LeaseState::Held(epoch) = held else { return };
        let proxy = self.inner.core.config.id;
        // Also when the store has stopped by itself: the queue goes on, and the leader is elsewhere.
        if let Err(error) = self.inner.proposer.propose(Command::ExpireProxy { proxy, epoch }, deadline).await {
            tracing::debug!(%error, "the group was not told that this proxy leaves");
        }
        self.inner.lease.send_replace(LeaseState::Lost);
    }

    /// Hands leadership over to this voter, or to whoever is best prepared, and returns who led before and who leads now. Writes wait
    /// for as long as that takes; none is lost.
    ///
    /// # Errors
    /// [`TransferError`]
    pub async fn transfer_leadership(&self, to: Option<ProxyId>, deadline: Duration) -> Result<(ProxyId, ProxyId), TransferError> {
        let core = &self.inner.core;
        let until = Instant::now() + deadline;
        let mut metrics = core.engine.metrics();
        let transfer = async {
            let known = timeout_at(until, metrics.wait_for(|metrics| metrics.current_leader.is_some())).await;
            let from = known.ok().and_then(Result::ok).and_then(|metrics| metrics.current_leader);
            let from = from.ok_or(TransferError::NoLeader(deadline))?;
            match core.insist(&LeaderRequest::HandOver { from, to }, until).await {
                Some(LeaderAnswer::HandedOver(outcome)) => Ok((from, outcome?)),
                Some(_) | None => Err(TransferError::NoLeader(deadline)),
            }
        };
        tokio::select! {
            biased;
            reason = self.stopped() => Err(TransferError::Stopped(reason)),
            outcome = transfer => outcome,
        }
    }

    /// Whether this proxy holds its lease.
    pub fn lease(&self) -> watch::Receiver<LeaseState> {
        self.inner.lease.subscribe()
    }

    /// Answers a request that another member's [`Transport`](crate::Transport) sent to this one.
    ///
    /// # Errors
    /// [`Garbled`]
    pub async fn handle(&self, from: ProxyId, request: Bytes) -> Result<Bytes, Garbled> {
        self.inner.core.serve(from, &request).await.map(|response| Bytes::from(encode(&response)))
    }

    /// What this member knows of the group.
    pub fn status(&self) -> StoreStatus {
        let core = &self.inner.core;
        let applied = *core.published.applied().borrow();
        StoreStatus::new(&core.engine.metrics().borrow(), core.committed.load(Ordering::Relaxed), applied)
    }

    /// How many renewals of this proxy's lease were not answered in time.
    pub fn missed_renewals(&self) -> u64 {
        self.inner.core.missed_renewals.load(Ordering::Relaxed)
    }

    /// How long commands of this member took to be committed.
    pub fn commit_times(&self) -> CommitTimes {
        self.inner.core.commits.times()
    }

    /// What this member's store takes.
    pub fn usage(&self) -> StoreUsage {
        StoreUsage::of(&self.inner.core)
    }

    /// Resolves when the store has stopped by itself, with the reason: the process must not live on without it.
    pub async fn failed(&self) -> String {
        self.inner.core.failure.wait().await
    }

    /// Stops the member and closes its disk.
    pub async fn shutdown(&self) {
        self.inner.stop.cancel();
        self.inner.lease.send_replace(LeaseState::Lost);
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    /// Resolves while the disk is full. One that has failed stops the store.
    async fn unwritable(&self) -> String {
        let mut disk = self.disk();
        match disk.wait_for(|disk| matches!(disk, DiskState::Full(_))).await {
            Ok(disk) => disk.to_string(),
            Err(_) => unreachable!("the sender is in `self`"),
        }
    }

    /// The parts that its tasks share.
    pub(crate) fn core(&self) -> &Core {
        &self.inner.core
    }

    /// Resolves when the store cannot go on, by itself or because it was shut down.
    pub(crate) async fn stopped(&self) -> String {
        tokio::select! {
            biased;
            reason = self.inner.core.failure.wait() => reason,
            () = self.inner.stop.cancelled() => "it was shut down".to_owned(),
        }
    }
}

/// Whether a command is worth nothing to a proxy whose own table does not follow. What ends a route or an epoch is: peers believe it
/// at once. So is a new epoch, without which this proxy would be taken for dead.
fn needs_disk(command: &Command) -> bool {
    !matches!(command, Command::StartProxy(_) | Command::ExpireProxy { .. } | Command::WithdrawRoute { .. })
}
