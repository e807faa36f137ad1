//! Ends the member before it shows a state that its version does not know.

use openraft::{AnyError, StorageIOError};

use crate::ids::{Level, ProxyId};
use crate::store::failure::Failure;
use crate::store::levels::Outdated;
use crate::store::types::StorageError;

/// The highest feature level that this member knows.
pub(crate) struct KnownLevel {
    /// Which member it is.
    pub(crate) member: ProxyId,
    pub(crate) level: Level,
    pub(crate) failure: Failure,
}

impl Default for KnownLevel {
    fn default() -> Self {
        Self { member: ProxyId::default(), level: Level::CURRENT, failure: Failure::default() }
    }
}

impl KnownLevel {
    /// Whether the member may go on with a cluster at this level; openraft stops if not.
    #[expect(clippy::result_large_err, reason = "the type is openraft's")]
    pub(super) fn check(&self, cluster: Level) -> Result<(), StorageError> {
        Outdated::check(cluster, self.level).map_err(|outdated| {
            // openraft would say it in its own words.
            self.failure.report(outdated.to_string());
            StorageIOError::write_state_machine(AnyError::new(&outdated)).into()
        })
    }
}
