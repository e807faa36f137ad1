//! Simulated machines, stepped one after the other on one thread.
//!
//! Each host has a runtime of its own whose clock stands still unless it is stepped. So a crash drops a runtime, a pause does not step it, and a clock's rate is how far it
//! is stepped; the production's code sees nothing of that but what it would see on such a machine.
//!
//! Read in this order: `wall` (what a host takes for the time of day), `process` (one life of a program), `census` (its tasks), `host` (a machine), `hooks` (points in the product), `steps` (all of them).

mod census;
mod hooks;
mod host;
mod process;
mod steps;
mod wall;

pub use census::Census;
pub use hooks::{Armed, Points, now_us, running};
pub use host::{Exit, Host, Life, Outside, Program};
pub use steps::World;
pub use wall::HostWall;
