//! How agents hold their tunnels, seen from above: what a change would do, and how far the agents are with it.
//!
//! [`Arrangement`] and [`Plan`] say what would be, [`progress`] what is; all of that is pure. [`Settling`] watches since when nothing has changed.
//! Nothing here moves a tunnel: agents do, by what they are told of the cluster.

mod arrangement;
mod gaps;
mod plan;
mod progress;
mod settling;

pub(super) use arrangement::Arrangement;
pub(super) use gaps::Gaps;
pub(super) use plan::Plan;
pub(super) use progress::{Lagging, Progress, Told, progress};
pub(super) use settling::{Settled, Settling};
