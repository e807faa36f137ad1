//! A UDP socket for quinn: few sends with much in each, however large a packet is, and no larger buffers than a datagram needs.
//!
//! What quinn sends within one turn of a connection's driver is gathered here and leaves at the end of that turn at the latest, so that nothing waits
//! for what may come. Nothing here looks into a packet.
//!
//! Read in this order: `gather` (which packets go together, without I/O of its own), `driver` (when they go), `socket` (what quinn sees).

mod driver;
#[cfg(test)]
mod fake;
mod gather;
mod socket;

pub use driver::GatheringRuntime;
pub use socket::UdpSocket;
