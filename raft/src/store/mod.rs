//! The running member: openraft over a disk and a transport, and the table it keeps.
//!
//! ```text
//!   propose ---> proposer --+                      +--> log --+
//!   confirm ---> reader ----+--> the leader --> openraft      +--> writer --> disk
//!   live ------> living ----+     (local or    |   +--> state-+
//!                                  by network) |          |
//!   handle <-------- serve <-------------------+          +--> published table
//!
//!   supervisor: opens the disk, puts openraft into the engine, takes it out when the disk refuses
//! ```
//!
//! It must *never* acknowledge what is not on disk, and never wait without a deadline. What is done to the store of a member that does not run is in
//! [`offline`], a state that leaves its store in [`saved`].

mod campaign;
mod care;
mod commit_times;
mod config;
#[cfg(test)]
mod conformance;
mod core;
#[cfg(test)]
mod crash;
mod engine;
mod error;
mod failure;
mod hand_over;
mod health;
mod heirs;
#[cfg(test)]
mod installing;
mod lease_desk;
mod led;
mod levels;
#[cfg(test)]
mod levels_tests;
mod living;
mod log;
pub(crate) mod message;
#[cfg(test)]
mod message_golden;
mod network;
pub mod offline;
pub(crate) mod on_disk;
mod open;
mod opening;
#[cfg(simulation)]
pub(crate) mod promises;
mod proposer;
mod reader;
mod receiver;
#[cfg(test)]
mod receiving;
#[cfg(test)]
mod receiving_unnoticed;
mod records;
#[cfg(test)]
mod refusals;
mod removal;
mod routing_store;
mod runtime;
pub mod saved;
mod sender;
mod serve;
mod snapshotting;
pub(crate) mod state;
mod status;
mod supervisor;
#[cfg(test)]
mod synced;
mod timing;
pub(crate) mod types;
mod usage;
#[cfg(simulation)]
pub mod weights;

pub use crate::disk::OpenError;
pub use commit_times::CommitTimes;
pub use config::{StoreConfig, Tuning};
pub(crate) use error::in_millis;
pub use error::{Garbled, ProposeError, ReadError, RemoveError, TransferError};
pub use hand_over::NotHandedOver;
pub use health::{DiskState, Outage};
pub use proposer::{BATCH, BATCH_BYTES, FAST};
pub use routing_store::RoutingStore;
pub use state::SnapshotError;
pub use status::{Committed, LeaseState, StoreStatus};
pub use usage::StoreUsage;
