//! What travels between processes: the messages of each protocol and their framing.
//!
//! A message is postcard with a length in front ([`frame`]). Every conversation begins with a [`Hello`] from each side, so that
//! two versions can tell what the other understands. Fields are only ever added at the end: an older reader ignores
//! what follows the fields it knows. Variants have their position as number, so new ones go to the end as well.
//!
//! It must *never* trust a length, a count or a name that it reads: [`frame`] bounds what is taken in, and names check themselves.

pub mod close;
pub mod dial;
pub mod enroll;
pub mod frame;
#[cfg(test)]
mod golden;
mod hello;
pub mod peer;
mod trace;
pub mod tunnel;

pub use dial::{ClientRequest, DialAnswer, DialHeader, DialReply, DialRequest};
pub use enroll::{EnrollReply, EnrollRequest, Enrolled, Member};
pub use hello::{Hello, VERSION};
pub use peer::{ControlReply, ControlRequest, Held, LinkKind, PeerHello};
pub use trace::TraceId;
pub use tunnel::{AgentHello, AgentMessage, ProxyMessage, Waiting, Welcome};
