//! TLS 1.3 for QUIC, with every check of an identity inside the handshake.
//!
//! The order is the same everywhere: the leaf chains to the authority (directly: the authority has no intermediates, so what else a
//! peer presents is not even looked at), then the identity is read from that very leaf, then cluster, role, expected number and the
//! table's word are compared. A server knows which role to ask for only by the protocol (ALPN) that the client offers: `gate` carries
//! it from where rustls shows it to where the certificate is judged.
//!
//! No session resumption and no 0-RTT: rustls restores the other side's certificate from the ticket and asks no verifier, so a resumed session would skip these checks. `session`
//! would have to repeat them where a handshake was a resumed one, on both sides; tickets would have to be kept by proxy (all have the same server name), to die with the
//! certificate, and to be sealed with keys of the process. `cargo bench --bench data_path -- handshakes` tells what that would gain.

pub mod alert;
pub mod alpn;
pub mod client;
pub mod ingress;
pub mod leaf;
pub mod server;

pub(super) mod entrance;
mod gate;
mod later_keys;
mod provider;
mod session;
mod signatures;
#[cfg(test)]
mod tests;

pub use alert::{Denied, Refused, denied, refused};
pub use alpn::{Alpn, negotiated};
pub use client::{ClientTls, Expected, SERVER_NAME, VerifiedServer};
#[doc(hidden)]
pub use entrance::{fingerprint as entrance_fingerprint, name as entrance_name};
pub use ingress::{IngressTls, NotAccepted};
pub use leaf::{peer_identity, peer_serial};
pub(super) use provider::provider;
pub use server::ServerTls;
