//! The agent: dials out to proxies, holds its tunnels, and connects the streams that come over them to its services.
//!
//! ```text
//!                     +-- Placement (pure): which tunnels ought there to be? --+
//!  Supervisor --------+                                                        +--> Tunnel task per proxy --> Service per stream
//!                     +-- events: welcomed, told of the cluster, lost ---------+
//! ```
//! It must *never* end because proxies went away, and *never* connect anywhere but to the targets of its own configuration.

mod enrollment;
mod events;
mod joins;
mod placement;
mod service;
mod settings;
mod start;
mod supervisor;
mod tunnel;

pub use enrollment::{AgentError, StartError};
pub use settings::{Agent, TokenFrom};
pub use start::RunningAgent;
pub use supervisor::AgentStatus;
