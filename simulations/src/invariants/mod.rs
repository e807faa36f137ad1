//! What must hold at every moment: one file per promise.

mod committed;
mod epochs;
mod frame;
mod glimpse;
#[cfg(all(test, simulation))]
mod mutants_tests;
mod once;
mod reads;
mod registered;
mod routes;
mod streams;
mod synced;
#[cfg(test)]
mod tests;
mod tokens;
mod violation;
mod welcomed;

pub use committed::{Committed, purged_is_covered};
pub use frame::Invariant;
pub use glimpse::{Glimpse, Shown};
pub use synced::{Durables, Synced};
pub use violation::Violation;

use epochs::Epochs;
use once::Once;
use reads::Reads;
use registered::Registered;
use routes::Routes;
use streams::Streams;
use tokens::Tokens;
use welcomed::Welcomed;

/// Those that are asked in every run, but for the two that look at disks.
pub fn all() -> Vec<Box<dyn Invariant>> {
    vec![
        Box::<Welcomed>::default(),
        Box::<Once>::default(),
        Box::<Registered>::default(),
        Box::<Epochs>::default(),
        Box::<Reads>::default(),
        Box::<Tokens>::default(),
        Box::<Streams>::default(),
        Box::<Routes>::default(),
    ]
}
