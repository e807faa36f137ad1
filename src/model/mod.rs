//! N proxies and M agents without sockets: the production's decisions about tunnels, in rounds of time.
//!
//! ```text
//!  agents (agent/modelled.rs: placement, ways) <--- World: letters, commits and clocks ---> proxies (proxy/handover/modelled.rs: drain, levelling)
//! ```
//! It shows what no core shows by itself: that agents and proxies that each decide alone, from figures that are late, end up with tunnels that are spread evenly, and
//! that only those move that must.

mod converges;
mod handing_over;
mod moves;
mod post;
mod properties;
mod proxies;
mod world;
