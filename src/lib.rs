//! warren: a network of tunnels with many entrances.

pub mod identity;
pub mod net;
