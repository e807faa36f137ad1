//! A crash at every point of a member's work: what was acknowledged is there afterwards.

use std::sync::Arc;

use openraft::storage::{RaftLogStorage, RaftLogStorageExt, RaftStateMachine};
use openraft::{CommittedLeaderId, EntryPayload, RaftLogReader, RaftSnapshotBuilder};
use tokio_util::task::TaskTracker;

use super::log::LogStore;
use super::state::{Published, Shelf, StateMachine};
use super::types::{Entry, LogId, Vote};
use crate::disk::writer::Writer;
use crate::disk::{Disk, DiskDrive, DiskEvent, MemoryDisk};
use crate::ids::ProxyId;

/// What a restart finds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Found {
    pub(super) vote: Option<Vote>,
    pub(super) log: Vec<LogId>,
    pub(super) snapshot: Option<LogId>,
}

pub(super) struct Member {
    disk: Arc<MemoryDisk>,
    pub(super) log: LogStore,
    pub(super) machine: StateMachine,
    pub(super) shelf: Shelf,
    /// How many events there were when each step was acknowledged, and what a restart must find from then on.
    acknowledged: Vec<(usize, Found)>,
    pub(super) events: Vec<DiskEvent>,
    pub(super) found: Found,
}

async fn open(disk: &Arc<MemoryDisk>) -> (LogStore, StateMachine, Shelf) {
    let disk: Arc<dyn Disk> = disk.clone();
    let writer = Writer::start(disk, DiskDrive::Task, &TaskTracker::new()).expect("no thread to start");
    let (shelf, image) = Shelf::open(writer.clone()).await.expect("a whole store");
    let machine = StateMachine::new(shelf.clone(), image, Arc::new(Published::default()));
    (LogStore::new(writer, shelf.clone()), machine, shelf)
}

pub(super) fn log_id(term: u64, index: u64) -> LogId {
    LogId::new(CommittedLeaderId::new(term, ProxyId(1)), index)
}

pub(super) fn blank(id: LogId) -> Entry {
    Entry { log_id: id, payload: EntryPayload::Blank }
}

impl Member {
    pub(super) async fn new() -> Self {
        let disk = Arc::new(MemoryDisk::default());
        let (log, machine, shelf) = open(&disk).await;
        Self { disk, log, machine, shelf, acknowledged: vec![(0, Found::default())], events: Vec::new(), found: Found::default() }
    }

    pub(super) fn acknowledge(&mut self) {
        self.events.extend(self.disk.take_events());
        self.acknowledged.push((self.events.len(), self.found.clone()));
    }

    pub(super) async fn vote(&mut self, term: u64) {
        let vote = Vote::new(term, ProxyId(1));
        self.log.save_vote(&vote).await.expect("saved");
        self.found.vote = Some(vote);
        self.acknowledge();
    }

    pub(super) async fn append(&mut self, term: u64, count: u64) {
        let next = self.found.log.last().map_or(0, |id| id.index + 1);
        let ids: Vec<_> = (next..next + count).map(|index| log_id(term, index)).collect();
        self.log.blocking_append(ids.iter().copied().map(blank)).await.expect("appended");
        self.found.log.extend(ids);
        self.acknowledge();
    }

    async fn truncate(&mut self, from: u64) {
        let from = self.found.log.iter().position(|id| id.index == from).expect("an entry");
        self.log.truncate(self.found.log[from]).await.expect("truncated");
        self.found.log.truncate(from);
        self.acknowledge();
    }

    pub(super) async fn snapshot(&mut self) {
        self.machine.apply(self.found.log.iter().copied().map(blank).collect::<Vec<_>>()).await.expect("applied");
        let mut builder = self.machine.get_snapshot_builder().await;
        builder.build_snapshot().await.expect("a snapshot");
        self.found.snapshot = self.found.log.last().copied();
        self.acknowledge();
    }

    async fn install(&mut self, last: LogId) {
        let mut other = Self::new().await;
        other.machine.apply([blank(last)]).await.expect("applied");
        let snapshot = other.machine.get_snapshot_builder().await.build_snapshot().await.expect("a snapshot");
        self.machine.install_snapshot(&snapshot.meta, snapshot.snapshot).await.expect("installed");
        self.found.snapshot = Some(last);
        self.acknowledge();
    }
}

pub(super) async fn restart(disk: MemoryDisk) -> Found {
    let disk = Arc::new(disk);
    let (mut log, mut machine, _) = open(&disk).await;
    let entries = log.try_get_log_entries(..).await.expect("a readable log");
    let (applied, _) = machine.applied_state().await.expect("a state");
    Found { vote: log.read_vote().await.expect("a vote"), log: entries.iter().map(|entry| entry.log_id).collect(), snapshot: applied }
}

/// What a restart may find after a crash at `at`: the last thing that was acknowledged, or what was being done after that.
fn allowed(member: &Member, at: usize) -> &[(usize, Found)] {
    let last = member.acknowledged.iter().rposition(|(events, _)| *events <= at).expect("the beginning");
    &member.acknowledged[last..(last + 2).min(member.acknowledged.len())]
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_crash_anywhere() {
    let mut member = Member::new().await;
    member.vote(1).await;
    member.append(1, 1).await;
    member.append(1, 300).await;
    member.snapshot().await;
    member.vote(2).await;
    member.truncate(250).await;
    member.append(2, 70).await;
    member.snapshot().await;
    member.install(log_id(2, 900)).await;
    member.vote(3).await;
    assert!(member.events.len() > 15, "{}", member.events.len());
    for at in 0..=member.events.len() {
        let (before, allowed) = (&member.events[..at], allowed(&member, at));
        let lost = restart(MemoryDisk::replayed(before)).await;
        assert!(allowed.iter().any(|(_, found)| *found == lost), "lost what was not flushed at {at}: {lost:?}\n{allowed:?}");
        let kept: Vec<_> = before.iter().cloned().chain([DiskEvent::Flush]).collect();
        let kept = restart(MemoryDisk::replayed(&kept)).await;
        assert!(allowed.iter().any(|(_, found)| *found == kept), "kept what was not flushed at {at}: {kept:?}\n{allowed:?}");
    }
}

/// Each acknowledgement comes after the flush of its record, and of nothing less.
#[tokio::test]
async fn nothing_is_acknowledged_before_it_is_flushed() {
    let mut member = Member::new().await;
    member.vote(1).await;
    member.append(1, 3).await;
    member.truncate(1).await;
    member.snapshot().await;
    for (events, _) in &member.acknowledged[1..] {
        // What a newer snapshot has replaced is removed afterwards.
        let before = member.events[..*events].iter().filter(|event| !matches!(event, DiskEvent::RemoveOthers(..)));
        let last: Vec<_> = before.rev().take(2).collect();
        assert!(matches!(last[..], [DiskEvent::Flush, DiskEvent::Write(_)]), "{last:?}");
    }
}

#[tokio::test]
async fn a_disk_that_fails_acknowledges_nothing() {
    let mut member = Member::new().await;
    member.vote(1).await;
    member.disk.fail("no space left");
    assert!(member.log.save_vote(&Vote::new(2, ProxyId(1))).await.is_err());
    assert!(member.log.blocking_append([blank(log_id(1, 0))]).await.is_err());
    assert_eq!(restart(member.disk.after_crash()).await.vote, Some(Vote::new(1, ProxyId(1))));
}
