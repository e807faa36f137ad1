//! The proxy: where agents and clients connect, and a member of the group that knows who is where.
//!
//! ```text
//!  3024 public --+-- agents ----> tunnels <---- owner <----+
//!                +-- clients ---> dialer ------ links -----+-- 3021 mesh --- peers
//!                +-- enrolment        \                    |
//!                                      routing store ------+
//!                                          |
//!  admin.sock, HTTP: views of all of it ---+
//! ```
//! [`Proxy`] is what one is to be, [`RunningProxy`] one that runs. It must *never* act for the cluster without its lease, and *never* let
//! a stranger's bytes go further than the handshake.

mod admin;
mod attempts;
mod caller;
mod certificate_metrics;
mod commit_metrics;
mod custody;
mod data_dir;
pub mod decoding;
mod dial;
mod dial_metrics;
mod disk_report;
mod enrollment_guard;
mod follow;
mod gatekeeper;
mod grants;
pub(crate) mod handover;
mod ingress;
mod issuing;
mod lifecycle;
mod liveness;
mod member;
pub(crate) mod mesh;
mod metrics;
mod page;
mod parties;
mod peer_metrics;
mod policy;
mod process_metrics;
mod progress;
pub(crate) mod public;
mod recent;
mod registrar;
mod reloads;
mod removal;
mod restored;
mod rotation;
mod service;
mod settings;
mod sockets;
mod start;
mod start_error;
mod stopped;
mod store_metrics;
mod strategy;
mod streams;
mod threads;
mod tuning;
mod tunnel_metrics;
mod tunnels;
mod watch;
mod wiring;

pub use data_dir::DataDirError;
pub use lifecycle::RunningProxy;
pub use member::{JoinError, Joining};
pub use reloads::{NotReloaded, Reloads, Wish};
pub use restored::{RestoreError, read_snapshot};
pub use settings::{IngressDoor, Proxy, RaftSettings};
pub use start_error::StartError;
pub use stopped::{StoppedError, StoppedProxy};
pub use threads::Heart;
pub use tuning::Tunable;
