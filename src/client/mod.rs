//! The client: an identity on a person's machine, a connection to whichever proxy answers, and a stream per dial.
//!
//! It must *never* end a byte stream as whole when it is not: an error on either side becomes a reset on the other.

mod asking;
mod connect;
mod custody;
mod departure;
mod enroll;
mod entering;
mod entrances;
mod forward;
mod local_port;
mod nearest;
mod ping;
mod refuge;
mod services;
mod session;
mod socks;

pub use connect::connect;
pub use enroll::{EnrollError, enroll};
pub use entrances::Entrances;
pub use forward::Forwarding;
pub use local_port::LocalPort;
pub(crate) use ping::time_of;
pub use ping::{Pong, ping_proxy, ping_service};
pub use services::services;
pub use session::{Dialled, Session};
pub use socks::LocalDoor;
