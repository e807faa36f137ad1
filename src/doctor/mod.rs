//! What `warren doctor` finds on this machine: whether its kernel, its network and its configuration give warren what it needs.
//!
//! It changes nothing, and needs no proxy to run. To other machines it sends questions to the resolver, handshakes to the proxies that it knows, and connections to what an agent publishes.
//!
//! Read in this order: [`facts`] (what is looked at), [`gather`] (where it comes from), [`judge`] (what follows, without I/O), [`Finding`].

mod facts;
mod finding;
mod gather;
mod judge;
mod reach;
mod report;
mod targets;
mod ways;

#[cfg(test)]
pub(crate) use facts::samples;
pub use facts::{
    Buffers, Certificate, Disk, Facts, Files, Interface, Lead, Leads, Lifetime, Occupant, Offload, Outcome, Peer, Port, Published, Reach,
    Route, SecretFile, Taking, Way,
};
pub use finding::{Finding, Severity};
pub use gather::gather;
pub use judge::judge;
pub use report::Report;
