//! What travels between processes: the messages of each protocol and their framing.
//!
//! A message is postcard with a length in front ([`frame`]). Every conversation begins with a [`Hello`] from each side, so that
//! two versions can tell what the other understands. Fields are only ever added at the end of a message, or of a record within one (`record`, `growing`): an
//! older reader ignores what follows the fields it knows. Variants have their position as number, so new ones go to the end as well, and are [`Heard`] as unknown by
//! older readers.
//!
//! It must *never* trust a length, a count or a name that it reads: [`frame`] bounds what is taken in, and names check themselves.

mod absent;
mod appended;
pub mod close;
pub mod dial;
pub mod enroll;
pub mod frame;
#[cfg(test)]
mod golden;
mod growing;
mod heard;
mod hello;
mod member;
pub mod orientation;
pub mod peer;
mod record;
mod trace;
pub mod trust;
pub mod tunnel;
pub mod vitals;

pub use dial::{ClientRequest, DialAnswer, DialHeader, DialReply, DialRequest, Entered, PingReply, PingRequest};
pub use enroll::{EnrollReply, EnrollRequest, Enrolled};
pub use heard::Heard;
pub use hello::{Agreed, FEATURES, Hello, LEAST, Party, TooOld, VERSION, not_understood};
pub use member::{ClusterView, Member, MemberState};
pub use orientation::{DepartureReply, ProxiesReply, Reachable, ServicesReply};
pub use peer::{AgentProgress, ControlReply, ControlRequest, Held, LinkKind, PeerHello};
pub use trace::TraceId;
pub use trust::{Authorities, AuthoritiesReply, AuthoritiesRequest, CertificateReport, Fingerprint, Holdings, LiveCertificates, Machine};
pub use tunnel::{AgentHello, AgentMessage, Obstacle, Progress, ProxyMessage, Waiting, Welcome};
pub use vitals::{LinkVitals, MemberRole, Vitals};
