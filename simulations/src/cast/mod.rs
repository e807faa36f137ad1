//! Who plays: the production's proxies, agents and clients as the programs of simulated machines, and the services behind the agents.
//!
//! Each program does what the command line of its role does, and tells the [`Stage`] what a checker wants to know. Nothing here decides what happens: orders do.

mod client;
mod dial;
mod farm;
mod operator;
mod outcast;
mod proxy;
mod reader;
mod services;
mod stage;

pub use client::client;
pub use dial::{Dialled, Outcome};
pub use farm::farm;
pub use proxy::proxy;
pub use services::{ports, services};
pub use stage::{Admissions, Member, Read, Secrets, Stage};

use crate::plan::{Dial, Operation};

/// What the program of a machine is told.
#[derive(Clone, Debug)]
pub enum Order {
    /// End in good order.
    Stop,
    /// Do that at the admin socket.
    Operate(Operation),
    /// Dial; the number is the dial's in the record.
    Dial(u64, Dial),
    /// This agent stops.
    StopAgent(u16),
    /// This agent starts.
    StartAgent(u16),
}
