//! One drain, from its begin to its deadline.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use warren_raft::LeaseState;

use super::asked::Asked;
use super::choose::Places;
use super::pace::Pace;
use super::runner::Handover;
use crate::wire::close::Close;

/// How often a drain looks.
pub(super) const STEP: Duration = Duration::from_millis(100);
/// How long a proxy that is to stop waits, without a quorum, for agents to be elsewhere: nobody can confirm them a tunnel.
const NO_QUORUM: Duration = Duration::from_secs(5);
/// How long a proxy that is to stop waits for clients that it has told so, and that have not said yet that they are elsewhere, or stay.
const TOLD: Duration = Duration::from_secs(5);

/// How long before its deadline a proxy that is to stop lets nobody in any more, so that what has just begun can end.
const LAST: Duration = Duration::from_secs(2);

/// Why a round ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Nothing is left, or nothing that could go.
    Done,
    /// It took as long as it may.
    Deadline,
    /// It is not wanted any more.
    Resumed,
    /// The proxy is to stop, and was not before.
    Told,
}

/// A drain.
pub(super) struct Round<'a> {
    handover: &'a Handover,
    asked: Asked,
    pace: Pace,
    begun: Instant,
    was_leaving: bool,
}

impl<'a> Round<'a> {
    /// Begins now.
    pub(super) fn new(handover: &'a Handover) -> Self {
        let begun = Instant::now();
        // The routes to a proxy that was removed are over: its agents have no time to lose.
        let is_removed = handover.store.table().proxy(handover.me).is_none_or(|proxy| proxy.removed);
        let timeout = if is_removed { Duration::ZERO } else { handover.tuning.now().drain_timeout };
        let pace = Pace::for_drain(handover.tunnels.all().len(), timeout, begun);
        Self { handover, asked: Asked::default(), pace, begun, was_leaving: handover.drain.is_leaving() }
    }

    /// Asks agents to go, and waits for them and for the streams.
    pub(super) async fn run(&mut self) -> Ended {
        loop {
            self.step();
            if let Some(ended) = self.ended() {
                return ended;
            }
            self.wait().await;
        }
    }

    /// Goes on with agents that come all the same, since they find no other proxy, until the drain is taken back or the proxy is to stop.
    pub(super) async fn linger(&mut self) -> Ended {
        loop {
            if !self.handover.is_wanted() {
                return Ended::Resumed;
            }
            if self.is_told() {
                return Ended::Told;
            }
            self.step();
            self.wait().await;
        }
    }

    fn ended(&self) -> Option<Ended> {
        let Handover { drain, tunnels, metrics, store, .. } = self.handover;
        let elapsed = self.begun.elapsed();
        if !self.handover.is_wanted() {
            return Some(Ended::Resumed);
        }
        if self.is_told() {
            return Some(Ended::Told);
        }
        let timeout = self.handover.tuning.now().drain_timeout;
        if elapsed >= timeout {
            return Some(Ended::Deadline);
        }
        let is_alone = || Places::new(&store.table(), self.handover.me).ids().is_empty();
        if drain.is_leaving() && (elapsed + LAST >= timeout || is_alone()) {
            drain.entering().shut();
        }
        // What only enters here ends where the proxy is to stop, and is left alone where it is not.
        let carries = || tunnels.all().iter().any(|tunnel| tunnel.streams() > 0);
        let is_entered = || drain.entering().is_asked() || metrics.streams().running() > 0;
        let is_waited_for = || elapsed < TOLD && drain.entering().is_waited_for();
        let is_busy = if drain.is_leaving() { is_entered() || is_waited_for() } else { carries() };
        if is_busy {
            return None;
        }
        let is_isolated = || *store.lease().borrow() == LeaseState::Lost && elapsed >= NO_QUORUM;
        let is_done = tunnels.all().is_empty() || (drain.is_leaving() && (is_alone() || is_isolated()));
        if is_done && drain.is_leaving() {
            // Whoever was a moment faster is waited for.
            drain.entering().shut();
            return (!is_entered()).then_some(Ended::Done);
        }
        is_done.then_some(Ended::Done)
    }

    /// Whether the proxy is to stop since this round began: what an operator has ordered may have been over for long.
    fn is_told(&self) -> bool {
        !self.was_leaving && self.handover.drain.is_leaving()
    }

    fn step(&mut self) {
        let Handover { store, me, metrics, .. } = self.handover;
        let (tunnels, held) = self.handover.held();
        metrics.tunnels().handed_over.inc_by(self.asked.gone(&held) as u64);
        let (table, now) = (store.table(), Instant::now());
        let mut places = Places::new(&table, *me);
        let elsewhere = self.handover.elsewhere(&table);
        self.asked.promise(&held, &elsewhere, &mut places);
        for (position, order) in self.asked.next(&held, &elsewhere, &mut places, (&mut self.pace, now)) {
            tunnels[position].ask(order);
        }
        for (tunnel, held) in tunnels.iter().zip(&held) {
            // Its agent has another one and does not give this one back by itself, as an older one does not.
            if tunnel.streams() == 0 && self.asked.is_left_behind(held, &elsewhere, now) {
                Close::LEAVING.close(&tunnel.connection);
            }
        }
    }

    async fn wait(&self) {
        tokio::select! {
            () = sleep(STEP) => {}
            () = self.handover.drain.leaving(), if !self.was_leaving => {}
        }
    }
}
