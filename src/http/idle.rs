//! Which connections have not said what they want, and which of them has waited the longest: it goes when there is no place for a newcomer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The connections of one listener on which no request is being answered.
#[derive(Debug, Default)]
pub(super) struct Idle {
    waiting: Mutex<Waiting>,
    /// Rings when one more is idle.
    more: Notify,
}

/// By the order in which they began to wait.
#[derive(Debug, Default)]
struct Waiting {
    turn: u64,
    by_turn: BTreeMap<u64, CancellationToken>,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Visit {
    idle: Arc<Idle>,
    turn: Mutex<Option<u64>>,
    cut: CancellationToken,
}

/// While it is there, the connection waits for its answer and not for a request.
#[derive(Debug)]
pub(super) struct Busy(Arc<Visit>);

impl Idle {
    /// A connection, which is idle at first.
    pub(super) fn visit(self: &Arc<Self>) -> Arc<Visit> {
        let visit = Visit { idle: Arc::clone(self), turn: Mutex::default(), cut: CancellationToken::new() };
        visit.wait();
        Arc::new(visit)
    }

    /// Cuts the connection that has been idle the longest, if there is one.
    pub(super) fn cut_longest(&self) -> bool {
        let longest = lock(&self.waiting).by_turn.pop_first();
        longest.map(|(_, cut)| cut.cancel()).is_some()
    }

    /// Resolves when one more is idle, or has become so since the last call.
    pub(super) async fn more(&self) {
        self.more.notified().await;
    }
}

impl Visit {
    /// A request has come as a whole: nobody cuts the connection before the answer is gone.
    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        if let Some(turn) = lock(&self.turn).take() {
            lock(&self.idle.waiting).by_turn.remove(&turn);
        }
        Busy(Arc::clone(self))
    }

    /// Resolves when it is to make room.
    pub(super) async fn cut(&self) {
        self.cut.cancelled().await;
    }

    fn wait(&self) {
        let mut waiting = lock(&self.idle.waiting);
        let turn = waiting.turn;
        waiting.turn += 1;
        waiting.by_turn.insert(turn, self.cut.clone());
        drop(waiting);
        *lock(&self.turn) = Some(turn);
        self.idle.more.notify_one();
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if let Some(turn) = lock(&self.turn).take() {
            lock(&self.idle.waiting).by_turn.remove(&turn);
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.wait();
    }
}

fn lock<T>(locked: &Mutex<T>) -> MutexGuard<'_, T> {
    locked.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_idle_goes_and_nobody_who_waits_for_an_answer() {
        let idle = Arc::new(Idle::default());
        let visits: Vec<_> = (0..4).map(|_| idle.visit()).collect();
        let is_cut = || visits.iter().map(|visit| visit.cut.is_cancelled()).collect::<Vec<_>>();
        let busy = visits[0].busy();
        assert!(idle.cut_longest());
        assert_eq!(is_cut(), [false, true, false, false]);
        drop(busy);
        assert!(idle.cut_longest());
        assert_eq!(is_cut(), [false, true, true, false], "the first has been idle for a moment only");
        drop(visits);
        assert!(!idle.cut_longest(), "those that are gone are not kept");
    }
}
