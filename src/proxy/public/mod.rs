//! The public port, 3024: agents, clients and machines that enrol, told apart by the ALPN of the handshake.
//!
//! The handshake has already refused whoever has not the role of its ALPN. Here an identity is looked up in the table, and each
//! protocol goes its own way: [`agents`], [`clients`], [`enroll`].

mod accept;
mod admission;
mod agents;
mod clients;
mod enroll;
mod hold;
mod members;
#[cfg(any(test, simulation))]
mod modelled;
mod orientation;
mod pulse;
mod renew;
mod told;
mod tried;

pub(super) use accept::PublicAcceptor;
pub(super) use admission::Admission;
pub(super) use agents::Agents;
pub(super) use clients::{Clients, Shares};
pub(super) use enroll::{Enrollments, is_enrolled};
pub(super) use members::cluster_view;
#[cfg(any(test, simulation))]
pub(crate) use modelled::{Answer, ModelledDoor, pulse, view};
pub(super) use pulse::with_pulse;
pub(super) use told::ToldDial;
