//! What an agent publishes, which an operator may change while it runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::{broadcast, watch};
use warren_raft::{Service, ServiceName};

use crate::failure::Failure;

/// Answers that wait for whoever asked: one of each tunnel, and nobody misses much.
const VERDICTS: usize = 64;

/// What an agent offers; two offers are the same if they are one.
pub(super) type Offered = Arc<Offer>;

/// What an agent offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Offer {
    /// What it publishes.
    pub(super) services: Vec<Service>,
    /// Those of them whose targets are told where a connection comes from.
    pub(super) told: BTreeSet<ServiceName>,
}

/// What an agent publishes now, and what the proxies say to it.
#[derive(Debug)]
pub(super) struct Publishing {
    offer: watch::Sender<Offered>,
    verdicts: broadcast::Sender<(Offered, Verdict)>,
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
    /// This, from the beginning.
    pub(super) fn new(offer: Offer) -> Self {
        Self { offer: watch::Sender::new(Arc::new(offer)), verdicts: broadcast::Sender::new(VERDICTS) }
    }

    /// What is published now.
    pub(super) fn now(&self) -> Offered {
        self.offer.borrow().clone()
    }

    /// The same, and whenever it changes.
    pub(super) fn subscribe(&self) -> watch::Receiver<Offered> {
        self.offer.subscribe()
    }

    /// Publishes these from now on.
    pub(super) fn change(&self, offer: Offered) {
        self.offer.send_replace(offer);
    }

    /// Publishes these from now on, and waits for the first proxy that says something to them; `None` if so many speak that its word is lost.
    pub(super) async fn ask(&self, offer: Offered) -> Option<Verdict> {
        let mut verdicts = self.verdicts.subscribe();
        self.change(offer.clone());
        loop {
            let (of, verdict) = verdicts.recv().await.ok()?;
            if Arc::ptr_eq(&of, &offer) {
                return Some(verdict);
            }
        }
    }

    /// Notes what a proxy says to a list that it was told.
    pub(super) fn note(&self, offer: Offered, verdict: Verdict) {
        // Nobody listens but who has just asked.
        let _ = self.verdicts.send((offer, verdict));
    }
}
