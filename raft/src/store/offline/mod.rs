//! What is done to the store of a member that does not run: a survivor becomes a group of one, a saved snapshot becomes another.
//!
//! Both ends of each operation are whole stores, and a kill at any moment leaves one or the other: the new state is written beside the old
//! one, and one batch makes it current. Nothing here may be called while a member runs on the same disk, which the lock on
//! the data directory sees to.

mod error;
mod recovery;
mod restore;
mod rewrite;
mod survivor;

pub use error::RecoverError;
pub use recovery::{Dropped, LogEnd, Recovery, Vote};
pub use restore::{NewProxy, RestoreError, restore};
pub use survivor::Survivor;
