//! Where leases are renewed on a member that may lead.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use openraft::ServerState;
use tokio::time::Instant;

use super::types::Metrics;
use crate::ids::{Epoch, ProxyId};
use crate::lease::{Grantor, Renewal};
use crate::mutant;
use crate::table::Table;

/// After how many election time-outs a leader without a quorum appends nothing more.
const DESERTED: u32 = 2;

/// The grantor of this member, and since when a quorum has not confirmed that it leads.
pub(crate) struct LeaseDesk {
    state: Mutex<State>,
    /// An isolated leader grants nothing after this: its successor counts from when it was elected, which is no earlier, since for so long
    /// nobody votes against a leader that was heard of.
    quorum_patience: Duration,
}

struct State {
    grantor: Grantor,
    quorum: Option<Instant>,
}

impl LeaseDesk {
    pub(crate) fn new(lease: Duration, leader_lease: Duration) -> Self {
        let state = Mutex::new(State { grantor: Grantor::new(lease), quorum: None });
        Self { state, quorum_patience: leader_lease }
    }

    /// Takes note of who leads, as metrics say that came at `seen`, and of the epochs that are current.
    pub(crate) fn observe(&self, metrics: &Metrics, table: &Table, seen: Instant) {
        let mut state = self.lock();
        if is_in_office(metrics) {
            state.quorum = metrics.millis_since_quorum_ack.and_then(|ago| seen.checked_sub(Duration::from_millis(ago)));
            state.grantor.lead(epochs(table), Instant::now());
        } else {
            state.quorum = None;
            state.grantor.step_down();
        }
    }

    /// A proxy renews its lease; `None` when this member may not decide that.
    pub(crate) fn renew(&self, proxy: ProxyId, epoch: Epoch, table: &Table, now: Instant) -> Option<Renewal> {
        let mut state = self.lock();
        state.quorum.filter(|quorum| now.saturating_duration_since(*quorum) <= self.quorum_patience)?;
        // The epoch may be a moment old.
        state.grantor.lead(epochs(table), now);
        state.grantor.renew(proxy, epoch, now)
    }

    /// Takes nothing for granted until the next metrics come: this process may have been stopped since the last ones did.
    pub(crate) fn doubt(&self) {
        self.lock().quorum = None;
    }

    /// Whether this member leads and no quorum has followed it for a while: what it appended now would only lengthen a log that its successor cuts
    /// off, once for each time it is asked.
    pub(crate) fn is_deserted(&self, now: Instant) -> bool {
        self.lock().quorum.is_some_and(|quorum| now.saturating_duration_since(quorum) > self.quorum_patience * DESERTED)
    }

    /// The epochs whose leases have ended. None while no quorum follows this member: another may lead and have renewed them, and would be sent the
    /// proposal that ends them.
    pub(crate) fn expired(&self, now: Instant) -> Vec<(ProxyId, Epoch)> {
        let mut state = self.lock();
        let is_followed = state.quorum.is_some_and(|quorum| now.saturating_duration_since(quorum) <= self.quorum_patience);
        if is_followed && !mutant!("lease_never_ends") { state.grantor.expired(now) } else { Vec::new() }
    }

    /// Whether a proxy has renewed by itself and not too long ago.
    pub(crate) fn is_alive(&self, proxy: ProxyId, now: Instant) -> bool {
        self.lock().grantor.is_alive(proxy, now)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether this member leads and may decide by its table. Before it has applied an entry of its own term the table may lack what
/// its predecessor has committed.
pub(crate) fn is_in_office(metrics: &Metrics) -> bool {
    metrics.state == ServerState::Leader && metrics.last_applied.is_some_and(|applied| applied.leader_id == *metrics.vote.leader_id())
}

fn epochs(table: &Table) -> impl Iterator<Item = (ProxyId, Epoch)> {
    table.proxies().filter_map(|(id, proxy)| proxy.epoch.map(|epoch| (id, epoch)))
}
