//! What a proxy keeps in mind of the last minutes: how much ran through it, how its links did, and what happened in the cluster.
//!
//! ```text
//!  counters, links, table --every two seconds--> Lookout { history, losses, chronicle } --> status page, peers that draw one
//! ```
//! All of it is in memory, bounded and lost with the process. [`history`], [`losses`] and [`chronicle`] are pure. Nothing here decides anything, and it must *never* hold up what
//! it looks at.

mod agents;
mod chronicle;
mod glance;
mod happening;
mod history;
mod lookout;
mod losses;

pub(super) use happening::{Happening, Tone};
#[cfg(test)]
pub(super) use history::Totals;
pub(super) use history::{Sample, per_second};
pub(super) use lookout::{Lookout, Seen};
