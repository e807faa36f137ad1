//! Who may begin a handshake, on either UDP port, and how many connections an identity may have.

use prometheus_client::metrics::counter::Counter;
use quinn::Incoming;

use crate::identity::Identity;
use crate::limits::gate::Address;
use crate::limits::places::Bound;
use crate::limits::{Bounds, Entry, Gate, Limit, LiveLimits, Pass, Place, Places, Reached};
use crate::net::Budget;
use crate::wire::close::Close;

/// Keeps one port. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Gatekeeper {
    gate: Gate,
    connections: Places<Identity>,
    limits: LiveLimits,
    reached: Reached,
    counts: Counts,
}

/// What is counted of newcomers.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    /// Those who found no place.
    pub refused: Counter,
    /// Those who had to prove their address first.
    pub retried: Counter,
}

impl Gatekeeper {
    /// Of a port where nobody is yet.
    pub(super) fn new(limits: &LiveLimits, reached: Reached, counts: Counts) -> Self {
        let most: Bound = |limits| limits.connections_per_identity;
        let bounds = Bounds { each: Some((most, Limit::ConnectionsPerIdentity)), all: None };
        let connections = Places::new(limits.clone(), bounds);
        Self { gate: Gate::new(limits.clone()), connections, limits: limits.clone(), reached, counts }
    }

    /// Lets a newcomer in, if there is a place for its handshake. Whoever must prove its address first comes back at once; whoever is refused costs one packet.
    pub(super) fn admit(&self, incoming: Incoming) -> Option<(Incoming, Pass)> {
        let address = if incoming.remote_address_validated() { Address::Proven } else { Address::Claimed };
        match self.gate.enter(incoming.remote_address().ip(), address) {
            Entry::Pass(pass) => Some((incoming, pass)),
            Entry::Prove => {
                self.counts.retried.inc();
                // It fails only for an address that is proven already.
                let _ = incoming.retry();
                None
            }
            Entry::Refuse(limit) => {
                self.counts.refused.inc();
                self.reached.note(limit);
                incoming.refuse();
                None
            }
        }
    }

    /// Runs a handshake for as long as one may take; `None` when that is over.
    pub(super) async fn in_time<F: Future>(&self, handshake: F) -> Option<F::Output> {
        let in_time = Budget::new(self.limits.now().handshake_timeout).run(handshake).await;
        in_time.inspect_err(|_| self.reached.note(Limit::HandshakeTimeout)).ok()
    }

    /// A place for a connection of `identity`, to be held for as long as it lives; without one it is closed.
    pub(super) fn place(&self, identity: &Identity, connection: &quinn::Connection) -> Option<Place<Identity>> {
        let place = self.connections.take(identity);
        place
            .inspect_err(|limit| {
                self.reached.note(*limit);
                Close::LIMIT.close(connection);
            })
            .ok()
    }
}
