//! The connections between proxies on port 3021: one for control and one for bulk per pair, kept alive and dialled anew
//! from names that are resolved each time.
//!
//! ```text
//!   Links ---- one Link per peer ---- two Slots (control, bulk)      questions and dials go out here
//!     ^ \__ Dialer: resolves, dials, says hello                       \
//!     |                                                               } every connection is served, whoever dialled it
//!   Acceptor: handshakes in bounded tasks, reads the hello            /      -> serve.rs
//! ```
//! It must *never* let bulk wait before control (they are different connections), and *never* take a peer's word for who it is:
//! the id comes from the certificate of the handshake.

mod accept;
mod dialer;
mod keeper;
mod link;
mod links;
mod pulse;
mod serve;
mod slot;
mod transport;

pub(super) use accept::PeerAcceptor;
pub(super) use links::{Found, Links};
pub(super) use serve::{PeerService, run as serve};

use warren_raft::ProxyId;

use crate::wire::LinkKind;

/// A connection with a peer that has passed its hello.
#[derive(Debug)]
pub(super) struct PeerConnection {
    /// Who is at the other end.
    pub peer: ProxyId,
    /// What it is for.
    pub kind: LinkKind,
    /// The connection.
    pub connection: quinn::Connection,
}
