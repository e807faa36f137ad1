//! A link of the tests' own: how fast it is, how long it takes, what its queue holds and what it loses.
//!
//! [`Path`] is one direction as a function of time: no sockets and no clock, the same seed loses the same packets. A simulation
//! asks it ([`super::bottleneck`]).

mod loss;
mod path;

pub(crate) use loss::Loss;
pub(crate) use path::{Count, Path, Shape};
