//! The log and the vote, as openraft wants them kept.

mod log_store;
mod sizes;
mod tail;

pub(crate) use log_store::{LogStore, purge_changes};
pub(crate) use sizes::{Extent, Sizes};
