//! The connections to one peer, and the loops that keep them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use quinn::Connection;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use warren_raft::ProxyId;

use super::dialer::Dialer;
use super::slot::{NoConnection, Slot, dials};
use crate::net::{Backoff, Budget};
use crate::wire::LinkKind;

/// How long the side that need not dial waits for the other one to do so.
const PATIENCE: Duration = Duration::from_millis(1500);
/// The waits between tries.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// A peer: where it is and the connections to it.
#[derive(Debug)]
pub(super) struct Link {
    me: ProxyId,
    pub(super) peer: ProxyId,
    address: Mutex<String>,
    control: Slot,
    bulk: Slot,
    pub(super) cancel: CancellationToken,
}

impl Link {
    pub(super) fn new(me: ProxyId, peer: ProxyId, address: &str, cancel: CancellationToken) -> Self {
        Self { me, peer, address: Mutex::new(address.to_owned()), control: Slot::new(), bulk: Slot::new(), cancel }
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

    /// The round trip of the control connection, while there is one.
    pub(super) fn rtt(&self) -> Option<Duration> {
        self.control.live().map(|connection| connection.rtt())
    }

    /// A live connection of the kind, waited for while a try is under way.
    pub(super) async fn get(&self, kind: LinkKind, budget: Budget) -> Result<Connection, NoConnection> {
        self.slot(kind).get(budget).await
    }

    /// Takes in a connection that either side has dialled.
    pub(super) fn put(&self, kind: LinkKind, connection: &Connection, dialled_by: ProxyId) {
        let preferred = if dialled_by == self.peer { dials(self.peer, self.me) } else { dials(self.me, self.peer) };
        self.slot(kind).put(connection, preferred);
    }

    fn slot(&self, kind: LinkKind) -> &Slot {
        match kind {
            LinkKind::Control => &self.control,
            LinkKind::Bulk => &self.bulk,
        }
    }

    /// Keeps a connection of the kind until the link is cancelled.
    pub(super) async fn keep(&self, kind: LinkKind, dialer: &Dialer) {
        let mut backoff = Backoff::new(BACKOFF.0, BACKOFF.1);
        let mut rng = dialer.env.entropy.split("mesh backoff").split(&self.peer.to_string()).split(kind.as_str()).rng();
        let slot = self.slot(kind);
        loop {
            if let Some(connection) = slot.live() {
                backoff.reset();
                tokio::select! {
                    _ = connection.closed() => continue,
                    () = self.cancel.cancelled() => return,
                }
            }
            slot.connecting();
            if !dials(self.me, self.peer) {
                tokio::select! {
                    () = slot.up() => continue,
                    () = sleep(PATIENCE) => {}
                    () = self.cancel.cancelled() => return,
                }
            }
            let dialled = tokio::select! {
                dialled = dialer.dial(self, kind) => dialled,
                () = slot.up() => continue,
                () = self.cancel.cancelled() => return,
            };
            let Err(error) = dialled else { continue };
            tracing::debug!(peer = %self.peer, kind = kind.as_str(), %error, "peer not reached");
            slot.failed(error.to_string());
            tokio::select! {
                () = slot.up() => {}
                () = sleep(backoff.next(&mut rng)) => {}
                () = self.cancel.cancelled() => return,
            }
        }
    }
}
