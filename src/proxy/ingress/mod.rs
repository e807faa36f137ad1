//! The ways in for programs that know nothing of warren: this proxy's listeners, and how their dials are carried.
//!
//! ```text
//!  listener --place, PROXY header, TLS--> ingress::Door --> entrance --> dialer --> owner
//! ```
//! What each door lets through without an identity is published in the table first ([`publish`]), where everybody can see it and the owner of a tunnel checks it. A
//! door is shut while this proxy drains. It must *never* dial for somebody unknown before the cluster knows what its door lets through.

mod certificate;
mod entrance;
mod listener;
mod listening;
mod logins;
mod metrics;
mod publish;

pub(super) use certificate::ServerCertificate;
pub(super) use entrance::Entrances;
pub(super) use listener::{Bound, IngressListeners};
pub(super) use listening::Listening;
pub(super) use logins::Logins;
pub(super) use metrics::IngressMetrics;
pub(super) use publish::{PUBLISHED_SINCE, Publishing};
