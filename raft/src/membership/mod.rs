//! Who votes: from what the leader knows to the next single change.
//!
//! ```text
//!   proxies of the table --+                              +--> Settle, Readdress, AddLearner, Forget, Erase
//!   members in the log ----+--> View --> next_change -----+
//!   HealthWatch -----------+     Rules, now               +--> Promote, Replace, Demote, HandOver
//! ```
//!
//! Pure: it sees no clock and sends nothing. It must *never* propose a change without a healthy majority of the voters
//! there are, nor one after which the healthy voters are no majority: such a change would hang, and with it every write.

mod change;
mod health;
mod next;
mod nodes;
mod quorum;
mod removal;
mod rules;
mod seats;
#[cfg(test)]
mod tests;
mod view;
mod zones;

pub use change::Change;
pub use health::{Health, HealthWatch};
pub use next::next_change;
pub use quorum::{is_majority, tolerates};
pub use removal::{NotRemovable, may_remove};
pub use rules::Rules;
pub use view::{Listed, View};
