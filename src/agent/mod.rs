//! The agent: dials out to proxies, holds its tunnels, and connects the streams that come over them to its services.
//!
//! ```text
//!                     +-- Placement, Ways (pure): which tunnels ought there to be, and by which way? --+
//!  Supervisor --------+                                                                               +--> Tunnel task per proxy --> Service per stream
//!                     +-- events: met a proxy, welcomed, told of the cluster, silent, lost ------------+      (Dialling, then Live with its Pulse)
//! ```
//! Read in this order: `placement` (what ought to be), `ways` (what has failed), `supervisor` and `outcome` (what follows from what happens), `dialling`, `tunnel`,
//! `live` (one tunnel's life), `pulse` (whether it is alive).
//!
//! It must *never* end because proxies went away, and *never* connect anywhere but to the targets of its own configuration.

mod asleep;
mod dialling;
mod enrollment;
mod events;
mod joins;
mod live;
#[cfg(any(test, simulation))]
mod modelled;
mod outcome;
mod placement;
mod publishing;
mod pulse;
mod service;
mod settings;
mod start;
mod stream_limit;
mod supervisor;
mod tunnel;
mod tunnel_error;
mod ways;

pub use enrollment::{AgentError, StartError, lives_in};
#[cfg(any(test, simulation))]
pub(crate) use modelled::{Deed, ModelledAgent};
pub use settings::{Agent, TokenFrom};
pub use start::{PublishError, RunningAgent};
pub use supervisor::AgentStatus;
