//! A hundred proxies and a hundred thousand agents: the production's cores in a queue of events, with the real table and real commands.
//!
//! ```text
//!  agent: placement, ways --dial--> proxy: door (handshakes, admission, backoff) --command--> lanes --proposal--> leader --committed--> Table --> welcome, views
//!                         <--move-- proxy: drain, levelling                                                                      \--> Tally
//! ```
//! What the cores do not decide is taken from [`Costs`]: how long a packet, a handshake, an entry takes. Everything follows from the seed. It must *never* decide
//! anything itself that the production decides.

mod agents;
mod batch;
mod cluster;
mod commits;
mod doors;
mod giving;
pub mod idle;
mod queue;
mod setup;
mod tally;
#[cfg(test)]
mod tests;
mod trouble;
mod world;

pub use cluster::encoded_view;
pub use setup::{Costs, Setup};
pub use tally::{Second, Tally};
pub use world::ScaleWorld;
