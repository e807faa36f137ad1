//! Many seeds, each in a process of its own, and what they come to together.

mod base;
mod gaps;
mod runner;
mod table;
mod total;

pub use base::{Base, BaseError, Tree, commit};
pub use gaps::{ENOUGH, Gap, gaps};
pub use runner::{Bounds, sweep};
pub use table::table;
pub use total::{Found, Total};
