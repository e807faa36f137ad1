//! How a proxy gives away tunnels: all of them in a drain, some when it holds more than others.
//!
//! ```text
//!            ordered, or told to stop                nothing left, or the deadline: what is left is cut
//!  serving -----------------------------> draining ----------------------------------------------------> drained
//!     ^ \__ levelling                        |                                                              |
//!     \--------------- resumed --------------+--------------------------------------------------------------/
//! ```
//! An agent is asked to hold its tunnel to a named proxy instead ([`asked`]), which [`choose`] picks, no faster than [`pace`] allows; it opens that one first. It must
//! *never* close a tunnel that an agent has not replaced before the deadline, and *never* ask all at once.

mod asked;
mod choose;
mod entering;
mod level;
mod leveller;
#[cfg(any(test, simulation))]
mod modelled;
mod pace;
mod round;
mod runner;
mod state;

#[cfg(any(test, simulation))]
pub(crate) use asked::Held;
pub(super) use asked::Order;
pub(super) use choose::is_open;
pub(super) use entering::{Entered, Entering};
#[cfg(any(test, simulation))]
pub(crate) use modelled::{ModelledHandover, There};
pub(super) use runner::Handover;
pub(super) use state::{Drain, Phase};
