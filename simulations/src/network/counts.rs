//! What happened to datagrams.

use serde::{Deserialize, Serialize};

/// Datagrams, by what happened to them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Put on the way.
    pub sent: u64,
    /// Arrived at a socket.
    pub delivered: u64,
    /// Their bytes, as far as they arrived.
    pub bytes: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Stopped by a partition.
    pub cut: u64,
    /// Sent twice.
    pub doubled: u64,
    /// Delivered with wrong bytes.
    pub corrupted: u64,
    /// Too large for a way.
    pub too_large: u64,
    /// Held, and let go later.
    pub held: u64,
    /// Overtaken by one that was sent later.
    pub reordered: u64,
    /// Sent to an address at which nobody listens, or that is no more.
    pub nowhere: u64,
    /// Came to a socket whose buffer was full.
    pub overflowed: u64,
}

impl Counts {
    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.delivered += other.delivered;
        self.bytes += other.bytes;
        self.lost += other.lost;
        self.cut += other.cut;
        self.doubled += other.doubled;
        self.corrupted += other.corrupted;
        self.too_large += other.too_large;
        self.held += other.held;
        self.reordered += other.reordered;
        self.nowhere += other.nowhere;
        self.overflowed += other.overflowed;
    }
}
