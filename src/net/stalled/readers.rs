//! All streams of a process, looked at together.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::carried::{Carried, Entry};
use super::ledger::{Ledger, Look, StalledBudget, StreamNumber};
use crate::net::quic::StreamWindow;

/// How often is looked, at least; and how often within the time after which a stream is stalled.
const STEP: Duration = Duration::from_secs(1);
const STEPS: u32 = 4;

/// The readers of all streams of a process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Readers {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    budget: StalledBudget,
    /// Whose lock is held looks; where several parts of a process would, the others wait until that one is gone.
    ledger: tokio::sync::Mutex<Ledger>,
    streams: Mutex<Streams>,
    /// Rings when there is a stream where there was none.
    begun: Notify,
    count: StalledCount,
}

#[derive(Debug, Default)]
struct Streams {
    by_number: BTreeMap<StreamNumber, Arc<Entry>>,
    last: StreamNumber,
    /// What those moved that have ended.
    ended_bytes: [u64; 2],
}

/// How many streams are stalled, at the last look. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct StalledCount(Arc<[AtomicU64; 3]>);

impl StalledCount {
    /// Streams that are stalled now.
    pub fn stalled(&self) -> u64 {
        self.0[0].load(Ordering::Relaxed)
    }

    /// What they may hold together, in bytes.
    pub fn held_bytes(&self) -> u64 {
        self.0[1].load(Ordering::Relaxed)
    }

    /// How many were cut since the process began.
    pub fn cut(&self) -> u64 {
        self.0[2].load(Ordering::Relaxed)
    }

    fn note(&self, look: &Look) {
        self.0[0].store(look.stalled, Ordering::Relaxed);
        self.0[1].store(look.held, Ordering::Relaxed);
        self.0[2].fetch_add(look.cut.len() as u64, Ordering::Relaxed);
    }
}

impl Shared {
    fn streams(&self) -> std::sync::MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn forget(&self, number: StreamNumber) {
        let mut streams = self.streams();
        if let Some(entry) = streams.by_number.remove(&number) {
            streams.ended_bytes = sum(streams.ended_bytes, entry.moved_bytes());
        }
    }
}

fn sum(one: [u64; 2], other: [u64; 2]) -> [u64; 2] {
    [one[0].wrapping_add(other[0]), one[1].wrapping_add(other[1])]
}

impl Readers {
    /// Readers with this budget. Nobody is cut but while [`Readers::watch`] runs.
    pub fn new(budget: StalledBudget) -> Self {
        let (ledger, streams) = (tokio::sync::Mutex::new(Ledger::new(budget)), Mutex::default());
        Self { shared: Arc::new(Shared { budget, ledger, streams, begun: Notify::new(), count: StalledCount::default() }) }
    }

    /// Takes in a stream. What comes in from its first side is received with the first window, and from the second with the second one; from a local
    /// socket without one.
    pub fn begin(&self, windows: [Option<StreamWindow>; 2]) -> Carried {
        let entry = Arc::new(Entry::new(windows));
        let mut streams = self.shared.streams();
        if streams.by_number.is_empty() {
            self.shared.begun.notify_one();
        }
        streams.last += 1;
        let number = streams.last;
        streams.by_number.insert(number, entry.clone());
        Carried { entry, number, shared: Arc::downgrade(&self.shared) }
    }

    /// How many bytes all streams have moved since the process began, those that run still too: from their first side to the second, and back.
    pub fn moved_bytes(&self) -> [u64; 2] {
        let streams = self.shared.streams();
        streams.by_number.values().fold(streams.ended_bytes, |moved, entry| sum(moved, entry.moved_bytes()))
    }

    /// How many are stalled.
    pub fn count(&self) -> StalledCount {
        self.shared.count.clone()
    }

    /// Keeps the budget until `cancel`. Without streams it sleeps.
    pub async fn watch(self, cancel: CancellationToken) {
        let step = (self.shared.budget.after / STEPS).clamp(Duration::from_millis(10), STEP);
        let looking = async {
            let mut ledger = self.shared.ledger.lock().await;
            loop {
                if self.shared.streams().by_number.is_empty() {
                    self.look(&mut ledger, step);
                    self.shared.begun.notified().await;
                }
                tokio::time::sleep(step).await;
                self.look(&mut ledger, step);
            }
        };
        cancel.run_until_cancelled(looking).await;
    }

    fn look(&self, ledger: &mut Ledger, step: Duration) {
        let streams = self.shared.streams();
        let look = ledger.look(step, streams.by_number.iter().map(|(number, entry)| (*number, entry.seen())));
        for (number, still) in &look.cut {
            let Some(entry) = streams.by_number.get(number) else { continue };
            entry.cut(*still);
        }
        drop(streams);
        if !look.cut.is_empty() {
            warren_raft::reached!("net.stalled_cut");
            let (cut, stalled, budget_bytes) = (look.cut.len(), look.stalled, self.shared.budget.bytes);
            tracing::warn!(cut, stalled, budget_bytes, "streams cut that nobody reads: `limits.stalled_memory` is used up");
        }
        self.shared.count.note(&look);
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::task::TaskTracker;

    use super::*;

    const BUDGET: StalledBudget = StalledBudget { bytes: 3 << 20, after: Duration::from_secs(30) };

    fn begin(readers: &Readers) -> Carried {
        readers.begin([Some(StreamWindow::LEAST), None])
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_still_is_cut_when_there_are_too_many_and_the_others_go_on() {
        let readers = Readers::new(BUDGET);
        let cancel = CancellationToken::new();
        let watching = TaskTracker::new().spawn(readers.clone().watch(cancel.clone()));
        let (first, second, third) = (begin(&readers), begin(&readers), begin(&readers));
        first.tellers()[0].waits(1);
        tokio::time::sleep(Duration::from_secs(5)).await;
        second.tellers()[0].waits(1);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!((readers.count().stalled(), readers.count().cut()), (2, 0));
        assert_eq!(readers.count().held_bytes(), 2 * ((1 << 20) + 1));
        third.tellers()[0].waits(1);
        tokio::time::timeout(Duration::from_secs(40), first.cut()).await.expect("it is cut");
        assert_eq!((readers.count().stalled(), readers.count().cut()), (2, 1));
        drop(first);
        second.tellers()[0].moved(1);
        third.tellers()[0].moved(1);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!((readers.count().stalled(), readers.count().held_bytes()), (0, 0));
        drop((second, third));
        tokio::time::sleep(Duration::from_secs(100)).await;
        assert!(readers.shared.streams().by_number.is_empty());
        cancel.cancel();
        watching.await.expect("it ends");
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_a_byte_now_and_then_is_not_stalled() {
        let readers = Readers::new(StalledBudget { bytes: 0, ..BUDGET });
        let cancel = CancellationToken::new();
        let watching = TaskTracker::new().spawn(readers.clone().watch(cancel.clone()));
        let slow = begin(&readers);
        slow.tellers()[1].waits(1000);
        for moved in 1..100 {
            tokio::time::sleep(Duration::from_secs(25)).await;
            slow.tellers()[1].moved(moved);
            slow.tellers()[1].waits(1000);
        }
        assert_eq!(readers.count().cut(), 0);
        cancel.cancel();
        watching.await.expect("it ends");
    }
}
