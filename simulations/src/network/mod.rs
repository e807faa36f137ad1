//! The simulated network: datagrams that are late, lost, doubled, damaged or held, and local byte streams that are none of it.
//!
//! ```text
//!  SimUdp --send--> Network (rules, address translation, what is under way) --deliver--> queues of sockets --recv--> SimUdp
//! ```
//! Read in this order: `rules` (what happens to a datagram, pure), `translation` (which address others see, pure), `wire` (what is under way), `udp`, `pipe` and `local` (byte
//! streams), `host_net` (what the production is given).

mod counts;
mod host_net;
mod local;
mod local_socket;
mod pipe;
mod rules;
mod translation;
mod udp;
mod wire;

pub use counts::Counts;
pub use host_net::HostNet;
pub use rules::{Effect, Hosts, Rule, RuleId};
pub use wire::{HostId, Network};
