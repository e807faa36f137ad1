//! What runs for long: a proxy and an agent as a service manager runs them.
//!
//! ```text
//!  start --READY--> serve --HUP, or `config reload`: RELOADING, then READY--> serve --TERM, INT: STOPPING--> drain --a second one--> stop
//! ```
//! A signal that comes while something else is done waits: a HUP during the start is obeyed once it runs, one during the drain is told of and passed over.
//!
//! Read in this order: `launch` (what a service gets), `reloading` (an old and a new configuration), `proxy`, `agent`, `door` (how an agent is told to reload).

mod agent;
mod door;
mod launch;
mod proxy;
mod reloading;

pub(super) use agent::{agent, agent_socket};
pub(super) use launch::{Launch, Source};
pub(super) use proxy::proxy;
