//! The production's proxies, agents and clients on a simulated network, clock and disk: everything that happens follows from a seed, so that it can be run again.
//!
//! `cargo sim --help` says what can be run.

pub mod cli;
pub mod files;
