//! What is said while nothing happens, as the production has it.

use std::time::Duration;

use crate::proxy::{mesh, public};

/// After how much silence a proxy asks a peer for a sign of life where there are so many.
pub fn peer_pulse(peers: usize) -> Duration {
    mesh::quiet(peers)
}

/// After how much silence the agents of a proxy with so many tunnels ask for a sign of life.
pub fn tunnel_pulse(tunnels: u64) -> Duration {
    public::pulse(tunnels)
}
