//! What must hold at every moment: one file per promise.

mod committed;
#[cfg(all(test, simulation))]
mod mutants_tests;
mod synced;
#[cfg(test)]
mod tests;
mod violation;

pub use committed::{Committed, purged_is_covered};
pub use synced::{Durables, Synced};
pub use violation::Violation;
