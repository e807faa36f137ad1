//! The admin socket and the HTTP address: what operators, probes and scrapers see of a proxy, and the few things that they can change.
//!
//! Only the socket, which the file system guards, changes anything or speaks of tokens; the HTTP address is read only. The authority's key and
//! the tokens' hashes leave the proxy through the socket alone, and there in a snapshot alone.

mod authority;
mod certificates;
mod credentials;
mod disks;
mod drain;
mod guard;
mod health;
mod machines;
mod outlook;
mod page;
mod parts;
mod problems;
mod quorum;
mod reload;
mod removal;
mod server;
mod skew;
mod snapshot;
mod strategy;
mod tokens;
mod transfer;
mod views;
mod ways_in;

pub(super) use guard::is_own_name;
pub(super) use page::PageCache;
pub(super) use parts::AdminParts;
pub(super) use server::{Admin, AdminError};
pub(super) use snapshot::MAX_AT_ONCE;
