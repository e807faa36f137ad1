//! What runs by the cluster's leave: streams that a client may have, and connections of machines that are enrolled. When the table takes the leave back, they are
//! cut.
//!
//! Whoever enters here looks at the table *after* it has entered, and whoever changes the table looks here after the change is seen: so nothing runs on that
//! either of them has missed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;
use warren_raft::table::Rights;
use warren_raft::{AgentName, KeyHash, RoutingStore, ServiceName, Table};

use super::caller::{Caller, Shown};
use super::metrics::Metrics;
use super::streams::Why;
use crate::net::shown;
use crate::wire::close::Close;

/// By what a stream may run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Grant {
    /// Who has dialled.
    pub caller: Caller,
    /// And has shown what, where this proxy has seen that.
    pub shown: Shown,
    /// Whose service it is.
    pub agent: AgentName,
    /// Which.
    pub service: ServiceName,
}

impl Grant {
    /// Whether the table allows it.
    pub(super) fn stands(&self, table: &Table) -> bool {
        let may = self.caller.may(table, &self.agent, &self.service);
        may && self.shown.stands(table, &self.caller) && table.agent(&self.agent).is_some()
    }
}

/// Everything that runs at this proxy by the cluster's leave.
#[derive(Debug, Default)]
pub(super) struct Grants {
    streams: Mutex<BTreeMap<Grant, Running>>,
    machines: Mutex<BTreeMap<(KeyHash, u64), Machine>>,
    entered: AtomicU64,
}

/// The streams of one grant.
#[derive(Debug, Default)]
struct Running {
    revoked: CancellationToken,
    streams: u64,
}

#[derive(Debug)]
struct Machine {
    connection: quinn::Connection,
    close: Close,
}

/// A stream that runs, until it is dropped.
#[derive(Debug)]
pub(super) struct Granted {
    grants: Arc<Grants>,
    grant: Grant,
    revoked: CancellationToken,
}

impl Granted {
    /// Cancelled once it must not run any more.
    pub(super) fn revoked(&self) -> CancellationToken {
        self.revoked.clone()
    }
}

impl Drop for Granted {
    fn drop(&mut self) {
        let mut streams = self.grants.streams();
        let Some(running) = streams.get_mut(&self.grant) else { return };
        running.streams -= 1;
        if running.streams == 0 {
            streams.remove(&self.grant);
        }
    }
}

/// A machine that is connected, until it is dropped.
#[derive(Debug)]
pub(super) struct Present {
    grants: Arc<Grants>,
    at: (KeyHash, u64),
}

impl Drop for Present {
    fn drop(&mut self) {
        self.grants.machines().remove(&self.at);
    }
}

impl Grants {
    /// Notes a stream, and has it cut at once if `stands` says that its grant does not: it is asked after the stream was noted.
    pub(super) fn stream(self: &Arc<Self>, grant: Grant, stands: impl FnOnce(&Grant) -> bool) -> Granted {
        let revoked = {
            let mut streams = self.streams();
            let running = streams.entry(grant.clone()).or_default();
            running.streams += 1;
            running.revoked.clone()
        };
        if !stands(&grant) {
            revoked.cancel();
        }
        Granted { grants: self.clone(), grant, revoked }
    }

    /// Notes the connection of a machine with this key, to be closed with `close` if the key is removed.
    pub(super) fn machine(self: &Arc<Self>, key: KeyHash, connection: &quinn::Connection, close: Close) -> Present {
        let at = (key, self.entered.fetch_add(1, Ordering::Relaxed));
        self.machines().insert(at, Machine { connection: connection.clone(), close });
        Present { grants: self.clone(), at }
    }

    /// Cuts every stream whose grant does not stand, and says how many that are.
    pub(super) fn cut_streams(&self, stands: impl Fn(&Grant) -> bool) -> u64 {
        let streams = self.streams();
        let fallen = streams.iter().filter(|(grant, running)| !running.revoked.is_cancelled() && !stands(grant));
        fallen
            .map(|(grant, running)| {
                tracing::info!(caller = %grant.caller, agent = %grant.agent, service = %grant.service, streams = running.streams, "not allowed any more: cut");
                running.revoked.cancel();
                running.streams
            })
            .sum()
    }

    /// Closes the connections of machines that were removed.
    fn close_removed(&self, table: &Table) {
        for ((key, _), machine) in self.machines().iter().filter(|((key, _), _)| table.has_removed_key(*key)) {
            tracing::info!(%key, from = %shown(machine.connection.remote_address()), "the machine was removed: its connection is closed");
            machine.close.close(&machine.connection);
        }
    }

    /// Follows the table until `cancel`.
    pub(super) async fn follow(self: Arc<Self>, store: RoutingStore, metrics: Metrics, cancel: CancellationToken) {
        let mut applied = store.applied();
        let mut known: Option<Rights> = None;
        loop {
            applied.mark_unchanged();
            // Not held while it waits: an old table is let go of elsewhere, in steps.
            let table = store.table();
            if !known.as_ref().is_some_and(|known| known.are_those_of(&table)) {
                let cut = self.cut_streams(|grant| grant.stands(&table));
                metrics.streams().cut_by(Why::Denied, cut);
                self.close_removed(&table);
                known = Some(table.rights());
            }
            drop(table);
            tokio::select! {
                changed = applied.changed() => if changed.is_err() { return },
                () = cancel.cancelled() => return,
            }
        }
    }

    fn streams(&self) -> MutexGuard<'_, BTreeMap<Grant, Running>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn machines(&self) -> MutexGuard<'_, BTreeMap<(KeyHash, u64), Machine>> {
        self.machines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(client: &str, service: &str) -> Grant {
        let name = |text: &str| text.parse().expect("a name");
        let caller = Caller::Client(client.parse().expect("a name"));
        Grant { caller, shown: Shown::Nothing, agent: name("lab-pi"), service: service.parse().expect("a name") }
    }

    #[test]
    fn what_does_not_stand_is_cut_and_nothing_else() {
        let grants = Arc::new(Grants::default());
        let enter = |client, service| grants.stream(grant(client, service), |_| true);
        let (ssh, more, web, other) = (enter("c", "ssh"), enter("c", "ssh"), enter("c", "web"), enter("d", "ssh"));
        assert_eq!(grants.cut_streams(|_| true), 0);
        let may = |grant: &Grant| grant.caller != Caller::Client("c".parse().expect("a name")) || grant.service.as_str() != "ssh";
        assert_eq!(grants.cut_streams(may), 2);
        let cut = [&ssh, &more, &web, &other].map(|granted| granted.revoked().is_cancelled());
        assert_eq!(cut, [true, true, false, false]);
        assert_eq!(grants.cut_streams(may), 0, "each is cut once");
        // While they end, a new one of the same grant is cut too; once they have, it is looked at anew.
        assert!(grants.stream(grant("c", "ssh"), |_| true).revoked().is_cancelled());
        drop((ssh, more));
        assert!(!enter("c", "ssh").revoked().is_cancelled());
        assert_eq!(grants.streams().len(), 2);
        drop((web, other));
        assert!(grants.streams().is_empty(), "nothing is left of streams that are over");
    }

    /// The leave is taken back between the dial and the stream.
    #[test]
    fn one_that_comes_too_late_is_cut_at_once() {
        let grants = Arc::new(Grants::default());
        assert!(grants.stream(grant("c", "ssh"), |_| false).revoked().is_cancelled());
    }
}
