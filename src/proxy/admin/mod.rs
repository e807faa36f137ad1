//! The admin socket and the HTTP address: what operators, probes and scrapers see of a proxy, and the few things that they can change.
//!
//! Only the socket, which the file system guards, changes anything or speaks of tokens; the HTTP address is read only. The authority's key and
//! the tokens' hashes never leave the proxy through either.

mod disks;
mod health;
mod parts;
mod problems;
mod server;
mod tokens;
mod views;

pub(super) use parts::AdminParts;
pub(super) use server::{Admin, AdminError};
