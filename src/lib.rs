//! warren: a network of tunnels with many entrances; whichever one you enter, every burrow can be reached.
//!
//! Read in this order: [`failure`] (what can go wrong, one code everywhere), [`target`] (what can be dialled), [`wire`] (what travels between
//! processes), [`limits`] (what one party may use), [`net`] (sockets, clock and randomness, the seam to the simulation), [`identity`] (who is who), [`proxy`],
//! [`agent`] and [`client`] (the three roles), [`config`] (what is set), [`api`] (what is shown to programs), [`audit`] (who did what), [`access`] (a line for each stream), [`http`] (how that is
//! carried), [`telemetry`] (logs), [`traces`] (the spans of a dial), [`doctor`] (whether a machine has what it needs) and [`cli`] (the command line). The replicated routing table is the crate `warren_raft`.

pub mod access;
pub mod agent;
pub mod api;
pub mod audit;
pub mod cli;
pub mod client;
pub mod config;
pub mod dev;
pub mod doctor;
pub mod failure;
pub mod http;
pub mod identity;
pub mod ingress;
pub mod limits;
#[cfg(any(test, simulation))]
pub mod model;
pub mod net;
pub mod proxy;
pub mod target;
pub mod telemetry;
pub mod traces;
pub mod wire;
