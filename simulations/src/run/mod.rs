//! A plan, from boot to the last check.
//!
//! ```text
//!  boot: everybody is there and enrolled --> safety: events of the plan --> heal: no fault any more, everybody runs
//!        --> converge: no work --> serve: a dial to every agent through every client --> scan: what was acknowledged is there
//! ```

mod boot;
mod bounds;
mod conditions;
mod execute;
mod expected;
mod gaps;
#[cfg(simulation)]
mod hooks;
mod report;
mod scene;
mod stores;
mod watch;
mod whole;

pub use boot::Run;
pub use conditions::{Conditions, Machine};
pub use report::Report;
pub use scene::{Held, Phase, Scene};
pub use watch::Watch;
pub use whole::{Refused, execute};
