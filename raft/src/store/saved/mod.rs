//! A snapshot outside of any store: an operator's file.
//!
//! It has the form of every other snapshot, piece by piece with checksums, and holds the authority's private key. [`Export`] makes one of a running
//! member's state, [`Reader`] checks and reads one, and a [`Saved`] begins a new group.

mod export;
mod reader;

pub use export::Export;
pub use reader::{Reader, Saved, Summary};
