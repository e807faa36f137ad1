//! What an agent publishes, which an operator may change while it runs.

use std::sync::Arc;

use tokio::sync::{broadcast, watch};
use warren_raft::Service;

use crate::failure::Failure;

/// Answers that wait for whoever asked: one of each tunnel, and nobody misses much.
const VERDICTS: usize = 64;

/// What an agent publishes now, and what the proxies say to it.
#[derive(Debug)]
pub(super) struct Publishing {
    services: watch::Sender<Arc<Vec<Service>>>,
    verdicts: broadcast::Sender<Verdict>,
}

/// What a proxy says to the services that it was told of over a tunnel that is there.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    /// They are in the table.
    Published,
    /// They are not, and those before are.
    Refused(Failure),
    /// It is of an older version: it learns of them with the next tunnel.
    NotUnderstood,
}

impl Publishing {
    /// These services, from the beginning.
    pub(super) fn new(services: Vec<Service>) -> Self {
        Self { services: watch::Sender::new(Arc::new(services)), verdicts: broadcast::Sender::new(VERDICTS) }
    }

    /// What is published now.
    pub(super) fn now(&self) -> Arc<Vec<Service>> {
        self.services.borrow().clone()
    }

    /// The same, and whenever it changes.
    pub(super) fn subscribe(&self) -> watch::Receiver<Arc<Vec<Service>>> {
        self.services.subscribe()
    }

    /// Publishes these from now on; gives what the proxies will say to that.
    pub(super) fn change(&self, services: Arc<Vec<Service>>) -> broadcast::Receiver<Verdict> {
        let verdicts = self.verdicts.subscribe();
        self.services.send_replace(services);
        verdicts
    }

    /// Notes what a proxy says.
    pub(super) fn note(&self, verdict: Verdict) {
        // Nobody listens but who has just asked.
        let _ = self.verdicts.send(verdict);
    }
}
