//! The client: an identity on a person's machine, a connection to whichever proxy answers, and a stream per dial.
//!
//! It must *never* end a byte stream as whole when it is not: an error on either side becomes a reset on the other.

mod asking;
mod connect;
mod custody;
mod enroll;
mod forward;
mod session;
mod socks;

pub use connect::connect;
pub use enroll::{EnrollError, enroll};
pub use forward::{Forwarding, RunningForward};
pub use session::{Dialled, Session};
pub use socks::{LocalDoor, RunningDoor};
