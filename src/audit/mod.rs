//! The audit log of a proxy: who did what, from where, and what came of it. One JSON object a line.
//!
//! ```text
//!  dials, enrolments, admin requests --record--> a bounded queue --> a thread of its own --> a file with rotation, or standard output
//!  refusals that a stranger causes ----pace--/        \-- full: counted, and told in the next line that is written
//! ```
//! A disk that is slow or full holds up nobody: what finds no place is counted and told. It must *never* hold a secret, a key or a byte of what
//! runs through a tunnel.
//!
//! Read in this order: [`Event`] (what is told), `line` (as which JSON), [`Audit`] (how the parts of a proxy tell it), `pace` (how often strangers may cause a
//! line; pure), `writer` and `file` (the outside: a thread, and files).

mod event;
mod file;
mod line;
mod log;
mod pace;
#[cfg(test)]
mod tests;
mod writer;

pub use event::{Administration, By, Denial, Dial, Enrolment, Event, Port, TokenAction, TokenEvent};
pub use file::Rotation;
pub use log::{Audit, Lost};
pub use writer::{AuditError, AuditWriter, Output};
