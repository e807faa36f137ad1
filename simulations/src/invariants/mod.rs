//! What must hold at every moment: one file per promise.

mod committed;
mod frame;
mod routes;
mod streams;
mod synced;
#[cfg(test)]
mod tests;
mod violation;

pub use committed::{Committed, purged_is_covered};
pub use frame::Invariant;
pub use synced::{Durables, Synced};
pub use violation::Violation;

use routes::Routes;
use streams::Streams;

/// Those that are asked in every run, but for the two that look at disks.
pub fn all() -> Vec<Box<dyn Invariant>> {
    vec![Box::<Streams>::default(), Box::<Routes>::default()]
}
