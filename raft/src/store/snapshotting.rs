//! When a snapshot is taken, and how much of the log is kept behind it.
//!
//! A snapshot is due when the log behind the last one takes as much as that one does, and no less than a floor. So a byte of the log causes at
//! most one more byte of snapshots than the state has grown by: whatever its size, a state is written about once for each time that as
//! much was written to the log anyway, and a restart reads at most about twice what the state takes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::config::Tuning;
use super::core::Core;
use super::log::Extent;
use super::state::Shelf;
use super::types::Raft;

/// The shortest time between two looks.
const LEAST_TICK: Duration = Duration::from_millis(50);
/// The longest: what a receiver was left with, and a log that shrank, are looked at too.
const TICK: Duration = Duration::from_secs(5);

/// Whether a snapshot is due: the log behind the last one, and what that takes.
fn is_due(tuning: &Tuning, behind: Extent, snapshot_bytes: u64) -> bool {
    behind.bytes >= tuning.snapshot_floor_bytes.max(snapshot_bytes) || behind.entries >= tuning.snapshot_after
}

/// Takes snapshots when they are due and has the log purged behind them.
pub(crate) async fn take_snapshots(core: Arc<Core>) {
    // They change with every entry that is applied and with every snapshot.
    let mut metrics = core.engine.metrics();
    let mut weighed: Option<Instant> = None;
    loop {
        sleep(LEAST_TICK).await;
        if let Ok(Err(_)) = timeout(TICK, metrics.changed()).await {
            return;
        }
        core.receiver.give_up_idle().await;
        let (Ok(raft), Some(shelf)) = (core.engine.raft(), core.shelf.load_full()) else { continue };
        // An instance that has stopped does neither; the next one will.
        let _ = look(&core, &raft, &shelf).await;
        if weighed.is_none_or(|weighed| weighed.elapsed() >= TICK) {
            weighed = Some(Instant::now());
            if let Ok(bytes) = shelf.disk_bytes().await {
                core.disk_bytes.store(bytes, Ordering::Relaxed);
            }
        }
    }
}

async fn look(core: &Core, raft: &Raft, shelf: &Shelf) -> Result<(), openraft::error::Fatal<crate::ids::ProxyId>> {
    let (covered, bytes) = shelf.current().map_or((None, 0), |current| (current.meta().last_log_id, current.bytes()));
    let tuning = &core.config.tuning;
    let index = covered.map_or(0, |id| id.index);
    if is_due(tuning, core.sizes.after(index), bytes) {
        raft.trigger().snapshot().await?;
    }
    let keep = Extent { entries: tuning.keep_behind_snapshot, bytes: tuning.snapshot_floor_bytes };
    match core.sizes.purgeable(index, keep).filter(|_| covered.is_some()) {
        Some(upto) => raft.trigger().purge_log(upto).await,
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_may_grow_to_the_size_of_the_snapshot_and_to_the_floor() {
        let tuning = Tuning { snapshot_floor_bytes: 1_000, snapshot_after: 50, ..Tuning::default() };
        for (entries, bytes, snapshot, due) in [
            (1, 999, 0, false),
            (1, 1_000, 0, true),
            (1, 1_000, 1_000, true),
            (1, 4_999, 5_000, false),
            (1, 5_000, 5_000, true),
            (49, 10, 0, false),
            (50, 10, 5_000, true),
        ] {
            assert_eq!(is_due(&tuning, Extent { entries, bytes }, snapshot), due, "{entries} {bytes} {snapshot}");
        }
    }

    /// However large the state, snapshots cost no more than a constant for each byte of the log.
    #[test]
    fn writing_is_amplified_by_a_constant() {
        let tuning = Tuning { snapshot_floor_bytes: 1_000, ..Tuning::default() };
        for (state, growth) in [(0, 0), (0, 40), (100, 0), (10_000, 0), (10_000, 90), (1_000_000, 0), (1_000_000, 50)] {
            let (mut size, mut written, mut snapshot, mut behind, mut log) = (state, 0, state, 0, 0);
            for _ in 0..100_000 {
                (size, behind, log) = (size + growth, behind + 100, log + 100);
                if is_due(&tuning, Extent { entries: 1, bytes: behind }, snapshot) {
                    (written, snapshot, behind) = (written + size, size, 0);
                }
            }
            assert!(written <= 2 * log, "{state} {growth}: {written} bytes of snapshots for {log} of log");
        }
    }
}
