//! A member's disk: in memory, outside of its host, so that it survives the host's crash with what had become durable and a part of the rest.
//!
//! [`SimVolume`] is given to the production's store in the place of a directory with sled in it, and keeps what the [`Disk`](warren_raft::Disk) trait promises: a batch is atomic,
//! batches become durable in order, a file appears whole or not at all. Within that it is as unkind as it can be: which part of what was not flushed
//! survives a crash, whether what failed was done all the same, and whether a removed file comes back is drawn from the generator that it was given.
//!
//! Beyond that promise are a flush that [lies](Lie), a database that [goes back](SimVolume::revert) to what it was, and a file in which a bit [flips](SimVolume::rot_file): the member
//! must refuse to open, or a checker must tell.

mod counters;
mod durable;
mod faults;
mod files;
mod platter;
mod sim_disk;
#[cfg(test)]
mod tests;
mod volume;

pub use counters::DiskCounters;
pub use durable::Durable;
pub use faults::{Lasting, Lie};
pub use volume::SimVolume;
