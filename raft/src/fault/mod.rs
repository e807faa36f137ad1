//! Points at which a simulation looks into the product and interferes. Without `--cfg simulation` each of them is nothing.
//!
//! A simulation runs everything on one thread, so what it wants to do is kept by thread: [`install`] puts [`Hooks`] there.
//!
//! - [`reached!`](crate::reached) names a place that matters: it is counted, and a host can be made to crash there.
//! - [`mutant!`](crate::mutant) is a bug that can be switched on, to show that the simulation finds it; `false` otherwise.
//! - [`observe!`](crate::observe) tells what a member promises to others at the moment it does.

#[cfg(simulation)]
pub use hooks::{Hooks, install, is_mutant, observed, pass};
mod durable;
#[cfg(simulation)]
mod hooks;
mod observation;

pub use durable::{DurableVote, read_entry, read_purged, read_snapshot, read_vote};
pub use observation::{EntryId, Observation, Stand};

/// Names a place that the code has come to.
#[macro_export]
macro_rules! reached {
    ($name:literal) => {
        #[cfg(simulation)]
        $crate::fault::pass($name);
    };
}

/// Whether the bug of that name is switched on: never, outside of a simulation.
#[macro_export]
macro_rules! mutant {
    ($name:literal) => {{
        #[cfg(simulation)]
        let on = $crate::fault::is_mutant($name);
        #[cfg(not(simulation))]
        let on = false;
        on
    }};
}

/// Tells what is promised here. The expression is not evaluated outside of a simulation.
#[macro_export]
macro_rules! observe {
    ($observation:expr) => {
        #[cfg(simulation)]
        $crate::fault::observed(&$observation);
    };
}
