//! The connections between proxies on port 3021: per pair one for control and a pool of them for dials, kept alive and dialled anew
//! from names that are resolved each time.
//!
//! ```text
//!   Links ---- one Link per peer ---- a Slot per Lane (control, data 0, data 1, ..)      questions and dials go out here
//!     ^ \__ Dialer: resolves, dials, says hello                       \
//!     |                                                               } every connection is served, whoever dialled it
//!   Acceptor: handshakes in bounded tasks, reads the hello            /      -> serve.rs
//! ```
//! Each side keeps as many data connections as its own configuration asks for, whoever has dialled them, and serves and uses those that the peer makes beyond: so the larger
//! of two different wishes counts, and nothing has to be agreed upon.
//!
//! It must *never* let bulk wait before control (they are different connections), and *never* take a peer's word for who it is:
//! the id comes from the certificate of the handshake.

mod accept;
mod calls;
mod dialer;
mod keeper;
mod lane;
mod leftovers;
mod link;
mod links;
mod load;
mod marks;
mod pool;
mod pulse;
mod serve;
mod slot;
#[cfg(test)]
mod tests;
mod transport;

pub(super) use accept::PeerAcceptor;
pub(super) use lane::Lane;
pub(crate) use link::{LinkTraffic, Packets};
pub(super) use links::{Found, Known, Links, PeerPort};
pub(super) use load::InUse;
#[cfg(any(test, simulation))]
pub(crate) use pulse::quiet;
pub(super) use serve::{PeerBounds, PeerService, run as serve};

use warren_raft::ProxyId;

use load::Load;

/// A connection with a peer that has passed its hello.
#[derive(Clone, Debug)]
pub(super) struct PeerConnection {
    /// Who is at the other end.
    pub peer: ProxyId,
    /// What it is for.
    pub lane: Lane,
    /// The connection.
    pub connection: quinn::Connection,
    /// What runs over it.
    pub load: Load,
}
