//! N proxies and M agents without sockets: the production's decisions about tunnels, in rounds of time and, for large numbers ([`scale`]), event by event.
//!
//! ```text
//!  agents (agent/modelled.rs: placement, ways) <--- World: letters, commits and clocks ---> proxies (proxy/handover/modelled.rs: drain, levelling)
//! ```
//! It shows what no core shows by itself: that agents and proxies that each decide alone, from figures that are late, end up with tunnels that are spread evenly, and
//! that only those move that must. In tests and simulations only.

#[cfg(test)]
mod converges;
#[cfg(test)]
mod handing_over;
#[cfg(test)]
mod moves;
#[cfg(test)]
mod post;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod proxies;
pub mod scale;
#[cfg(test)]
mod world;
