//! warren: a network of tunnels with many entrances.
//!
//! Read in this order: [`failure`] (what can go wrong, one code everywhere), [`target`] (what can be dialled),
//! [`config`] (what is set), [`api`] (what is shown to programs), [`http`] (how that is carried), [`telemetry`] (logs) and
//! [`cli`] (the command line).

pub mod api;
pub mod cli;
pub mod config;
pub mod failure;
pub mod http;
pub mod target;
pub mod telemetry;
