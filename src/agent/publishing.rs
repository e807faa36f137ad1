//! What an agent publishes, which an operator may change while it runs.

use std::sync::Arc;

use tokio::sync::{broadcast, watch};
use warren_raft::Service;

use crate::failure::Failure;

/// Answers that wait for whoever asked: one of each tunnel, and nobody misses much.
const VERDICTS: usize = 64;

/// A list of services; two lists are the same if they are one.
pub(super) type Services = Arc<Vec<Service>>;

/// What an agent publishes now, and what the proxies say to it.
#[derive(Debug)]
pub(super) struct Publishing {
    services: watch::Sender<Services>,
    verdicts: broadcast::Sender<(Services, Verdict)>,
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
    pub(super) fn now(&self) -> Services {
        self.services.borrow().clone()
    }

    /// The same, and whenever it changes.
    pub(super) fn subscribe(&self) -> watch::Receiver<Services> {
        self.services.subscribe()
    }

    /// Publishes these from now on.
    pub(super) fn change(&self, services: Services) {
        self.services.send_replace(services);
    }

    /// Publishes these from now on, and waits for the first proxy that says something to them; `None` if so many speak that its word is lost.
    pub(super) async fn ask(&self, services: Services) -> Option<Verdict> {
        let mut verdicts = self.verdicts.subscribe();
        self.change(services.clone());
        loop {
            let (of, verdict) = verdicts.recv().await.ok()?;
            if Arc::ptr_eq(&of, &services) {
                return Some(verdict);
            }
        }
    }

    /// Notes what a proxy says to a list that it was told.
    pub(super) fn note(&self, services: Services, verdict: Verdict) {
        // Nobody listens but who has just asked.
        let _ = self.verdicts.send((services, verdict));
    }
}
