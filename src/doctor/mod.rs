//! What `warren doctor` finds on this machine: whether its kernel, its network and its configuration give warren what it needs.
//!
//! It changes nothing, sends nothing to another machine but questions to the resolver, and needs no proxy to run.
//!
//! Read in this order: [`facts`] (what is looked at), [`gather`] (where it comes from), [`judge`] (what follows, without I/O), [`Finding`].

mod facts;
mod finding;
mod gather;
mod judge;

#[cfg(test)]
pub(crate) use facts::samples;
pub use facts::{Buffers, Certificate, Facts, Files, Interface, Lifetime, Occupant, Offload, Port, Route};
pub use finding::{Finding, Severity};
pub use gather::gather;
pub use judge::judge;
