//! What must hold at every moment: one file per promise.

mod committed;
mod epochs;
mod failed;
mod found;
mod frame;
mod glimpse;
mod leaks;
mod minority;
#[cfg(all(test, simulation))]
mod mutants_tests;
mod once;
mod outcasts;
mod panics;
mod progress;
mod reads;
mod ready;
mod registered;
mod routes;
mod stale;
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
use failed::Failed;
use found::Found;
use leaks::Leaks;
use minority::Minority;
use once::Once;
use outcasts::Outcasts;
use panics::Panics;
use progress::Progress;
use reads::Reads;
use ready::Ready;
use registered::Registered;
use routes::Routes;
use stale::Stale;
use streams::Streams;
use tokens::Tokens;
use welcomed::Welcomed;

/// So long after the last change a machine, or what is around it, is taken for settled: an election, and a connection that is made anew.
const SETTLED_US: u64 = 5_000_000;

/// Those that are asked in every run, but for the two that look at disks.
pub fn all() -> Vec<Box<dyn Invariant>> {
    vec![
        Box::<Welcomed>::default(),
        Box::<Once>::default(),
        Box::<Registered>::default(),
        Box::<Epochs>::default(),
        Box::<Reads>::default(),
        Box::<Tokens>::default(),
        Box::<Outcasts>::default(),
        Box::<Found>::default(),
        Box::<Stale>::default(),
        Box::<Minority>::default(),
        Box::<Progress>::default(),
        Box::<Failed>::default(),
        Box::<Leaks>::default(),
        Box::new(Panics::heard()),
        Box::<Ready>::default(),
        Box::<Streams>::default(),
        Box::<Routes>::default(),
    ]
}
