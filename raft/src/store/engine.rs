//! openraft inside a running member: one instance after the other, or none while the disk refuses to write.
//!
//! openraft stops for good at the first error of its storage. The member lives on: what the other parts see of the engine, its
//! metrics above all, outlives each instance. While there is none it is `stopped`, leads nobody and knows no leader.

use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwapOption;
use openraft::ServerState;
use openraft::error::Fatal;
use tokio::sync::watch;

use super::message::Refusal;
use super::types::{Metrics, Raft};
use crate::ids::ProxyId;

/// Where the current instance of openraft is, if there is one.
pub(crate) struct Engine {
    raft: ArcSwapOption<Raft>,
    metrics: watch::Sender<Metrics>,
    may_campaign: AtomicBool,
    /// Whether openraft may stand for election by its own clock.
    by_its_clock: AtomicBool,
}

/// Whether a member may stand for election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Elections {
    /// It may.
    Allowed,
    /// It may not.
    Forbidden,
}

impl Engine {
    /// Without an instance.
    pub(crate) fn new(id: ProxyId) -> Self {
        let metrics = watch::Sender::new(stopped(Metrics::new_initial(id)));
        Self { raft: ArcSwapOption::empty(), metrics, may_campaign: AtomicBool::new(true), by_its_clock: AtomicBool::new(true) }
    }

    /// The current instance. It may be taken out while the caller uses it: then it answers that it has stopped.
    pub(crate) fn raft(&self) -> Result<Raft, Refusal> {
        self.raft.load().as_deref().cloned().ok_or(Refusal::Stopped)
    }

    /// What the current instance says of itself.
    pub(crate) fn metrics(&self) -> watch::Receiver<Metrics> {
        self.metrics.subscribe()
    }

    /// Whether this member may stand for election, now and with every instance to come.
    pub(crate) fn elect(&self, elections: Elections) {
        self.may_campaign.store(elections == Elections::Allowed, Ordering::SeqCst);
        self.apply();
    }

    /// Whether it may do so by openraft's own clock; otherwise whoever forbids it says when.
    pub(crate) fn pace(&self, elections: Elections) {
        self.by_its_clock.store(elections == Elections::Allowed, Ordering::SeqCst);
        self.apply();
    }

    fn apply(&self) {
        if let Ok(raft) = self.raft() {
            raft.runtime_config().elect(self.may_campaign() && self.by_its_clock.load(Ordering::SeqCst));
        }
    }

    /// Whether this member may stand for election.
    pub(crate) fn may_campaign(&self) -> bool {
        self.may_campaign.load(Ordering::SeqCst)
    }

    /// Puts an instance in.
    pub(crate) fn put(&self, raft: Raft) {
        self.show(raft.metrics().borrow().clone());
        self.raft.store(Some(raft.into()));
        self.apply();
    }

    /// Shows what the current instance has just said of itself.
    pub(crate) fn show(&self, metrics: Metrics) {
        self.metrics.send_replace(metrics);
    }

    /// Takes the instance out; nobody gets it any more. It is still to be shut down.
    pub(crate) fn take(&self) -> Option<Raft> {
        let taken = self.raft.swap(None);
        self.metrics.send_modify(|metrics| *metrics = stopped(metrics.clone()));
        taken.map(|raft| Raft::clone(&raft))
    }
}

/// What a member without an instance says of itself. Who is a member is known for longer: so the leader is found.
fn stopped(last: Metrics) -> Metrics {
    Metrics {
        running_state: Err(Fatal::Stopped),
        state: ServerState::Shutdown,
        current_leader: None,
        millis_since_quorum_ack: None,
        replication: None,
        ..last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_an_instance_it_is_stopped() {
        let engine = Engine::new(ProxyId(7));
        assert_eq!(engine.raft().err(), Some(Refusal::Stopped));
        assert!(engine.take().is_none());
        let metrics = engine.metrics().borrow().clone();
        assert_eq!((metrics.id, metrics.state, metrics.current_leader), (ProxyId(7), ServerState::Shutdown, None));
    }
}
