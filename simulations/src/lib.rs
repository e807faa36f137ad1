//! The production's proxies, agents and clients on a simulated network, clock and disk: everything that happens follows from a seed, so that it can be run again.
//!
//! `cargo sim --help` says what can be run. Read in this order: [`plan`] (what a run consists of), [`network`] and [`world`] (machines), [`cast`] (what runs on them), [`run`] (a plan,
//! from boot to the last check). Beside all that stand [`fuzz`] (every decoder, fed with anything) and [`model`] (registrations, every order of events).

pub mod cast;
pub mod cli;
pub mod disk;
pub mod files;
pub mod fuzz;
pub mod invariants;
pub mod model;
pub mod mutants;
pub mod network;
pub mod plan;
pub mod points;
pub mod records;
pub mod regressions;
pub mod run;
pub mod say;
pub mod scale;
#[cfg(test)]
mod seams;
pub mod shrink;
#[cfg(test)]
mod sources;
pub mod stopwatch;
pub mod sweep;
pub mod trace;
pub mod trial;
pub mod world;
