//! A plan, from boot to the last check.
//!
//! ```text
//!  boot: everybody is there and enrolled --> safety: events of the plan --> heal: no fault any more, everybody runs
//!        --> converge: no work --> serve: a dial to every agent through every client --> scan: what was acknowledged is there
//! ```

mod boot;
mod stores;

pub use boot::Run;
