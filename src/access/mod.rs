//! The access log: one line for each stream in each process that carries it, at its end, however that comes.
//!
//! The lines have a target of their own, [`TARGET`], so that `log = "info,warren::access=off"` leaves them out and `log = "off,warren::access=info"` shows nothing else. What is
//! the answer to a client that is over its bounds, and what another way has taken over, is told at debug. A line must *never* hold a client's address or anything that it has sent.

mod carried;
mod line;

pub use carried::Carried;
pub use line::{Line, Role, TARGET, is_on};
