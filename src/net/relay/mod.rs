//! Moves the bytes of one dial between two byte streams, until both directions have ended.
//!
//! Half-close is kept: an end of input on one side becomes an end of output on the other, and the other direction goes on. Reset is
//! kept: when either side fails, or the relay itself is given up, both are aborted, so that nobody takes a torn stream for a whole
//! one. A direction has come to its end when everything has arrived at the next hop, so that whoever closes the connection after it cuts
//! nothing off. What is in memory is one batch per direction; a slow reader holds back its own writer, and a relay in which nothing moves holds no buffer.
//!
//! What a byte costs is decided by how many of them go in one call: a batch is all that has come, up to [`BATCH`], and goes on as one
//! vectored write. What a wake-up costs, by how little else is done in it: both directions are polled by one task without a lock between them.
//!
//! Read in this order: [`ended`] (how a relay ends), [`pump`] (the two directions together), [`direction`] (one of them, and the loop that all bytes go through),
//! [`side`] (what it moves them between), [`local`] and [`remote`] (the two kinds of sides), [`flow`] (what is known of a direction while it runs),
//! [`demotion`] (how much a stream gets to say on a connection that others use too).

mod buffers;
mod chunks;
mod demotion;
mod direction;
mod ended;
mod flow;
mod local;
mod pump;
mod remote;
mod side;
#[cfg(test)]
mod tests;

pub use ended::{End, Relayed};
pub use pump::{local, local_while, quic};

/// How many bytes are taken from one side at once, about: above it a call costs little compared with its bytes. It is also what a direction holds beside
/// the streams' own windows when its reader stalls.
const BATCH: usize = 256 * 1024;
