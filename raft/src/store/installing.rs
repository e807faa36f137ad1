//! A snapshot that is installed, with a crash at every point of it: the old state with its log is found, or the new one, and no gap.
//!
//! openraft purges the log that a snapshot covers, and may append behind it, as soon as the installation begins: both have to wait for the
//! snapshot to be on the disk. What a whole group makes of each crash is in [`synced`](super::synced).

use openraft::RaftSnapshotBuilder;
use openraft::storage::{RaftLogStorage, RaftLogStorageExt, RaftStateMachine};

use super::crash::{Found, Member, blank, log_id, restart};
use super::types::LogId;
use crate::disk::{DiskEvent, MemoryDisk};

/// The last entry of the snapshot that comes.
const LAST: u64 = 900;

fn ids(term: u64, indexes: std::ops::Range<u64>) -> Vec<LogId> {
    indexes.map(|index| log_id(term, index)).collect()
}

/// Has the log purged, entries appended behind it and the snapshot installed, all under way at once as openraft has them.
async fn install(member: &mut Member, behind: &[LogId]) {
    let mut other = Member::new().await;
    other.machine.apply([blank(log_id(2, LAST))]).await.expect("applied");
    let snapshot = other.machine.get_snapshot_builder().await.build_snapshot().await.expect("a snapshot");
    member.log.purge(log_id(2, LAST)).await.expect("noted");
    let mut log = member.log.clone();
    let append = log.blocking_append(behind.iter().copied().map(blank));
    let install = member.machine.install_snapshot(&snapshot.meta, snapshot.snapshot);
    // In this order: what does not wait is on the disk before the snapshot.
    let (appended, installed) = tokio::join!(biased; append, install);
    appended.expect("appended");
    installed.expect("installed");
}

/// What is found after a crash at each event from `first` on, and whether what was not flushed then is there.
async fn crashes(events: &[DiskEvent], first: usize) -> Vec<(usize, Found)> {
    let mut all = Vec::new();
    for at in first..=events.len() {
        let kept: Vec<_> = events[..at].iter().cloned().chain([DiskEvent::Flush]).collect();
        for disk in [MemoryDisk::replayed(&events[..at]), MemoryDisk::replayed(&kept)] {
            all.push((at, restart(disk).await));
        }
    }
    all
}

#[tokio::test]
async fn a_crash_finds_the_old_state_with_its_log_or_the_new_one() {
    let mut member = Member::new().await;
    member.shelf.guard();
    member.vote(2).await;
    member.append(1, 40).await;
    member.snapshot().await;
    member.append(1, 20).await;
    let (old, behind) = (member.found.clone(), ids(2, LAST + 1..LAST + 6));
    let first = member.events.len();
    install(&mut member, &behind).await;
    member.acknowledge();
    let new = |log| Found { vote: old.vote, log, snapshot: Some(log_id(2, LAST)) };
    let allowed = [old.clone(), new(vec![]), new(behind.clone())];
    let found = crashes(&member.events, first).await;
    for (at, found) in &found {
        assert!(allowed.contains(found), "at {at} of {}: {found:?}", member.events.len());
    }
    assert_eq!(found.last().map(|(_, found)| found), allowed.last(), "it was acknowledged");
    assert!(allowed.iter().all(|allowed| found.iter().any(|(_, found)| found == allowed)), "each is found at some point: {found:?}");
}
