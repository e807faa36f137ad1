//! What leaves a member is on its disk: watched at every message of a group of three, and compared with what a restart finds after a crash anywhere.

mod group;
mod installing;
mod recorder;

use std::time::Duration;

use group::Group;
use recorder::Promise;

use super::crash::{Found, restart};
use super::types::LogId;
use crate::disk::{DiskEvent, MemoryDisk};

/// A disk takes its time, so that a reply that does not wait for it is caught.
const SLOW: Duration = Duration::from_millis(2);

/// Grows, writes through every member, loses its leader with an entry that nobody else has, and takes it back.
async fn live(group: &mut Group) {
    group.grow_to_three().await;
    group.write(24).await;
    group.depose().await;
    group.write(12).await;
    group.restart(2).await;
    group.write(12).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaves_a_member_before_it_is_synced() {
    let mut group = Group::new(1_000, |disk| disk.flush_slowly(SLOW));
    live(&mut group).await;
    let seen = group.stop().await;
    assert!(seen.wrong.is_empty(), "{:#?}", seen.wrong);
    assert!(seen.votes > 0 && seen.own_votes > 0 && seen.appends > 50 && seen.commits > 50 && seen.answers > 40, "{seen:?}");
}

/// The test above can fail: with one disk that says it has flushed and has not, it does.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_lies_is_caught() {
    let mut group = Group::new(1_000, MemoryDisk::lie_about_flushes);
    group.grow_to_three().await;
    group.write(3).await;
    let wrong = group.stop().await.wrong;
    for what in ["an append was acknowledged", "an answer was given", "the leader said that"] {
        assert!(wrong.iter().any(|wrong| wrong.contains(what)), "{what}: {wrong:#?}");
    }
}

/// Opening, bootstrap, joining, changes of members, entries, votes, truncation, snapshots built and installed, purges, and opening again.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_after_a_crash_anywhere_finds_what_was_promised() {
    let mut group = Group::new(15, |_| {});
    live(&mut group).await;
    let seen = group.stop().await;
    let kinds =
        |kind: fn(&Promise) -> bool| seen.members.values().flat_map(|member| &member.promises).filter(|(_, promise)| kind(promise)).count();
    assert!(kinds(|promise| matches!(promise, Promise::Entries(_))) > 20 && kinds(|promise| matches!(promise, Promise::Vote(_))) > 0);
    let mut with_snapshots = 0;
    for member in seen.members.values() {
        for at in 0..=member.events.len() {
            let before = &member.events[..at];
            let kept: Vec<_> = before.iter().cloned().chain([DiskEvent::Flush]).collect();
            for disk in [MemoryDisk::replayed(before), MemoryDisk::replayed(&kept)] {
                let found = restart(disk).await;
                with_snapshots += usize::from(found.snapshot.is_some());
                for (_, promise) in member.promises.iter().filter(|(events, _)| *events <= at) {
                    assert!(keeps(&found, promise), "at {at} of {}: {promise:?} and {found:?}", member.events.len());
                }
            }
        }
    }
    assert!(with_snapshots > 20, "snapshots were made: {with_snapshots}");
}

/// Whether a restart that finds this has forgotten nothing.
fn keeps(found: &Found, promise: &Promise) -> bool {
    match promise {
        Promise::Vote(vote) => found.vote.is_some_and(|found| found >= *vote),
        Promise::Entries(entries) => entries.iter().all(|entry| keeps_entry(found, entry)),
    }
}

/// An entry may be gone for a snapshot that has it, or for a later leader whose log is another one.
fn keeps_entry(found: &Found, entry: &LogId) -> bool {
    let in_snapshot = found.snapshot.is_some_and(|last| last.index >= entry.index);
    let in_log = found.log.contains(entry);
    let replaced = found.vote.is_some_and(|vote| vote.leader_id().term > entry.leader_id.term);
    in_snapshot || in_log || replaced
}
