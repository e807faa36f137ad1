//! The command line: one file per verb, each of which reads its arguments into checked settings and runs them.
//!
//! Data goes to standard output, everything else to standard error. Nothing prompts. A verb ends with [`Exit`] or [`CliError`],
//! and only `error` knows what status that is.
//!
//! Read in this order: [`Cli`] (the verbs), `global` (the options that all have), `context` (what a verb gets), `output` and
//! `table` (how an answer is shown), `run` (where the parts that run are called), then any verb.

mod agent;
mod agents;
mod ca;
mod clients;
mod config;
mod connect;
mod context;
pub mod core_dumps;
mod dev;
mod doctor;
mod drain;
mod enroll;
mod error;
mod forward;
mod generate;
mod global;
mod hung;
mod ingress;
mod join;
mod new_file;
mod notify;
mod output;
mod ping;
mod progress_line;
mod proxies;
mod proxy;
mod raft;
mod reachable;
mod recover;
mod root;
mod routes;
mod run;
mod service;
mod signals;
mod snapshot;
mod socks;
mod ssh_config;
mod status;
mod strategy;
mod strategy_shown;
mod table;
#[cfg(test)]
mod tests;
mod token;
pub mod usage;
mod watching;

pub use error::{CliError, Exit, UsageError};
pub use root::Cli;
