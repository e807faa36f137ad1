//! Registrations, epochs and withdrawals in every order of events that there is, within bounds: stateright walks through all states.
//!
//! The table is the production's: a [`Command`](warren_raft::Command) changes it by [`Table::apply`](warren_raft::Table::apply), and the Raft group is a register that commits proposals in any order, late, twice or never.
//! What the proxies and agents decide between the commits is modelled here, since it lives in code that waits; each place names the code it stands for. What is *not* in it: time, Raft itself
//! (one log, no leader changes), more than a few machines, and batches of several commands.

mod event;
mod fault;
mod moments;
mod properties;
mod proxy;
mod registration;
mod setup;
mod state;

pub use event::Event;
pub use fault::Fault;
pub use moments::Moments;
pub(crate) use registration::NEVER;
pub use registration::{Registration, Searched};
pub use state::State;
