//! One peer: where it is, and the connections to it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use quinn::Connection;
use tokio_util::sync::CancellationToken;
use warren_raft::ProxyId;

use super::slot::{NoConnection, Slot, dials};
use crate::net::Budget;
use crate::net::quic::{Paths, StreamWindow};
use crate::wire::LinkKind;
use crate::wire::close::Close;

/// A peer: where it is and the connections to it.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) me: ProxyId,
    pub(super) peer: ProxyId,
    address: Mutex<String>,
    control: Slot,
    bulk: Slot,
    is_silent: AtomicBool,
    pub(super) cancel: CancellationToken,
}

impl Link {
    pub(super) fn new(me: ProxyId, peer: ProxyId, address: &str, cancel: CancellationToken) -> Self {
        Self {
            me,
            peer,
            address: Mutex::new(address.to_owned()),
            control: Slot::new(),
            bulk: Slot::new(),
            is_silent: AtomicBool::new(false),
            cancel,
        }
    }

    /// Where the peer is to be dialled, `HOST:PORT`.
    pub(super) fn address(&self) -> String {
        self.address.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes where the peer is now. A live connection stays.
    pub(super) fn moved_to(&self, address: &str) {
        let mut known = self.address.lock().unwrap_or_else(PoisonError::into_inner);
        if *known != address {
            address.clone_into(&mut known);
        }
    }

    /// How much of a stream of the peer may wait here, while it is connected.
    pub(super) fn received(&self, paths: &Paths) -> Option<StreamWindow> {
        self.bulk.live().map(|connection| paths.granted(&connection))
    }

    /// The round trip of the control connection, while there is one.
    pub(super) fn rtt(&self) -> Option<Duration> {
        self.control.live().map(|connection| connection.rtt())
    }

    /// Whether all of its connections are there.
    pub(super) fn is_whole(&self) -> bool {
        [LinkKind::Control, LinkKind::Bulk].into_iter().all(|kind| self.slot(kind).live().is_some())
    }

    /// Whether nothing is heard of the peer though there is a connection to it.
    pub(super) fn is_silent(&self) -> bool {
        self.is_silent.load(Ordering::Relaxed)
    }

    /// Notes that the peer is there.
    pub(super) fn heard(&self) {
        if self.is_silent.swap(false, Ordering::Relaxed) {
            tracing::info!(peer = %self.peer, "peer is heard again");
        }
    }

    /// Notes that nothing is heard of the peer.
    pub(super) fn silent(&self) {
        if !self.is_silent.swap(true, Ordering::Relaxed) {
            tracing::info!(peer = %self.peer, "peer is silent: others are tried before it");
        }
    }

    /// A live connection of the kind, waited for while a try is under way.
    pub(super) async fn get(&self, kind: LinkKind, budget: Budget) -> Result<Connection, NoConnection> {
        self.slot(kind).get(budget).await
    }

    /// Closes what is live: the peer belongs to the cluster no more.
    pub(super) fn cut(&self) {
        for connection in [&self.control, &self.bulk].into_iter().filter_map(Slot::live) {
            Close::REFUSED.close(&connection);
        }
    }

    /// Takes in a connection that either side has dialled.
    pub(super) fn put(&self, kind: LinkKind, connection: &Connection, dialled_by: ProxyId) {
        let preferred = if dialled_by == self.peer { dials(self.peer, self.me) } else { dials(self.me, self.peer) };
        self.slot(kind).put(connection, preferred);
    }

    pub(super) fn slot(&self, kind: LinkKind) -> &Slot {
        match kind {
            LinkKind::Control => &self.control,
            LinkKind::Bulk => &self.bulk,
        }
    }
}
