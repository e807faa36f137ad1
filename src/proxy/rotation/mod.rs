//! Certificates across the cluster: who presents what, another authority in the place of the present one, and single certificates that are refused.
//!
//! ```text
//!  machines --what they hold--> Connected (each proxy) --report--> the leader: obstacles() --none--> AdvanceRotation in the log
//! ```
//! The phases themselves are the table's (`raft/src/table/authorities.rs`). It must *never* go on while somebody who is connected is not ready, nor, unless an operator
//! says so, while a machine that is away may come back with a certificate of an authority that would be forgotten.

mod announced;
mod connected;
mod driver;
mod needs;
mod obstacles;
mod revocation;
mod rotations;

pub(super) use announced::announced;
pub(super) use connected::{Connected, Presence};
pub(super) use driver::drive;
pub(super) use obstacles::{Absent, may_advance};
pub(super) use revocation::cut_revoked;
pub(super) use rotations::Rotations;
