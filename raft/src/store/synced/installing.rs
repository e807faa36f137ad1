//! A member that was away gets a snapshot, and crashes: at whatever point, it comes back, rejoins, and has everything that is committed.

use super::group::Group;
use super::keeps;
use super::recorder::Watched;
use crate::disk::{DiskDrive, DiskEvent, MemoryDisk};
use crate::ids::ProxyId;
use crate::store::crash::{Found, restart};

/// How often a snapshot is made, in entries.
const SNAPSHOT_AFTER: u64 = 15;
/// The member that is away; it does not lead.
const AWAY: ProxyId = ProxyId(3);

/// What was seen of the member that was away, and what everybody had in the end.
struct Installed {
    member: Watched,
    /// How many events of its disk there were when it was cut off.
    before: usize,
    /// The other members' disks.
    others: [MemoryDisk; 2],
    /// The last entry of all.
    committed: u64,
    /// The first entry that it can only have by a snapshot.
    missed: u64,
}

/// Has a member miss more than the others' logs hold, and come back.
async fn install() -> Installed {
    let mut group = Group::driven(DiskDrive::Task, SNAPSHOT_AFTER);
    group.grow_to_three().await;
    group.write(SNAPSHOT_AFTER).await;
    group.settle().await;
    let (before, old) = (group.events(AWAY), group.status(AWAY));
    assert!(old.leader.is_some_and(|leader| leader != AWAY), "{old:#?}");
    group.cut(AWAY);
    group.write_at_leader(SNAPSHOT_AFTER * 4).await;
    group.outgrow(AWAY).await;
    group.mend();
    group.write_at_leader(5).await;
    group.settle().await;
    let new = group.status(AWAY);
    assert!(new.snapshot_index > old.last_log_index, "it was installed: {old:#?} {new:#?}");
    let others = [1, 2].map(|id| group.disk(ProxyId(id)).after_crash());
    let mut seen = group.stop().await;
    assert!(seen.wrong.is_empty(), "{:#?}", seen.wrong);
    let member = seen.members.remove(&AWAY).expect("it was watched");
    Installed { member, before, others, committed: new.applied_index, missed: old.last_log_index + 1 }
}

/// Without a gap: the log goes on where the snapshot ends, or before.
fn is_whole(found: &Found) -> bool {
    let next = found.snapshot.map_or(0, |last| last.index + 1);
    let indexes: Vec<_> = found.log.iter().map(|entry| entry.index).collect();
    indexes.windows(2).all(|pair| pair[0] + 1 == pair[1]) && indexes.first().is_none_or(|first| *first <= next)
}

#[tokio::test(start_paused = true)]
async fn a_member_that_crashes_while_it_installs_a_snapshot_rejoins() {
    let Installed { member, before, others: [one, two], committed, missed } = install().await;
    let (mut with_old, mut with_new) = (0, 0);
    for at in before..=member.events.len() {
        let written = &member.events[..at];
        let kept: Vec<_> = written.iter().cloned().chain([DiskEvent::Flush]).collect();
        for events in [written, &kept] {
            let found = restart(MemoryDisk::replayed(events)).await;
            for (_, promise) in member.promises.iter().filter(|(events, _)| *events <= at) {
                assert!(keeps(&found, promise), "at {at} of {}: {promise:?} and {found:?}", member.events.len());
            }
            assert!(is_whole(&found), "at {at} of {}: {found:?}", member.events.len());
            let is_new = found.snapshot.is_some_and(|last| last.index >= missed);
            (with_old, with_new) = (with_old + usize::from(!is_new), with_new + usize::from(is_new));
            let disks = [one.after_crash(), two.after_crash(), MemoryDisk::replayed(events)];
            let mut group = Group::reopened(DiskDrive::Task, SNAPSHOT_AFTER, disks).await;
            group.agree_on(committed).await;
            group.stop().await;
        }
    }
    assert!(with_old > 2 && with_new > 2, "{with_old} with the old state and {with_new} with the new one");
}
