//! Streams whose readers do not read: what they may hold together, and who goes when it is more.
//!
//! A reader that stops holds back its own writer, over all hops, and each hop holds a window's worth for it. A few are nobody's concern (someone's pager), so a
//! stream that stands still is left alone for as long as it likes; all of them together have a budget ([`StalledBudget`]), and where it is exceeded
//! the one that has been still the longest is cut.
//!
//! Read in this order: [`ledger`] (who is stalled and who is cut; pure), [`carried`] (a stream, as its relay tells of it), [`readers`] (all of a process).

mod carried;
mod ledger;
mod readers;

pub use carried::{Carried, Teller};
pub use ledger::StalledBudget;
pub use readers::{Readers, StalledCount};
