//! Leases: who is alive, decided by the leader's monotonic clock and outside of the log.
//!
//! ```text
//!   proxy (Holder)                            leader (Grantor)
//!   asks at t0  ------- renew(epoch) ------->  grants at t1 >= t0
//!   holds until t0 + lease                     expires the epoch at t1 + lease + margin
//! ```
//!
//! So a proxy knows that it has lost its lease before the leader acts. A new leader first grants everybody a whole
//! lease. Both halves are pure: time comes in as `now`. They must *never* see wall time.

mod grantor;
mod holder;

pub use grantor::{Grantor, Renewal};
pub use holder::{Holder, Step};
