//! Ways in for programs that know nothing of warren: SOCKS5, HTTP as to a proxy, TLS by its SNI, and plain TCP.
//!
//! ```text
//!  TCP --[PROXY v2]--[TLS]--> http_connect | socks5 | tls | tcp --Target--> Entrance::dial --> Connected::carry
//! ```
//! A proxy's listeners and `warren socks` are the same code over two [`Entrance`]s. What strangers send is read by parsers without I/O, each with a bound on
//! its bytes, and whoever reads for them has a deadline. Nothing here decides who may reach what: that is the entrance's.
//!
//! It must *never* send on a byte before the target has accepted, and *never* end a stream as whole that is not.
//!
//! Read in this order: [`entrance`] (what a way in leads to), [`host`] (names as targets), [`answer`] (failures as the protocols say them), the protocols with their parsers, [`door`]
//! (one of them, as it is set up).

pub mod answer;
mod conversation;
pub mod door;
pub mod entrance;
pub mod front;
pub mod host;
pub mod http_answer;
pub mod http_body;
mod http_connect;
pub mod http_head;
pub mod network;
mod one_request;
pub mod outcome;
mod prefixed;
pub mod proxy_header;
pub mod sni;
mod socks5;
pub mod socks5_message;
mod tcp;
#[cfg(test)]
mod tests;
mod tls;

pub use door::{Asks, Door, Protocol};
pub use entrance::{Connected, Entrance, Visitor, Who};
pub use host::{Domain, HostError};
pub use network::Network;
pub use outcome::Outcome;
pub(crate) use prefixed::Prefixed;
