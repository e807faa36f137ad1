//! From a plan that violates something to the least of it that still does: delta debugging (Zeller and Hildebrandt 2002), on the plan.

mod cuts;
mod search;

pub use cuts::{events, settings, times, topology};
pub use search::{Judge, Search, shrink};
