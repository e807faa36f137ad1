//! Why a store is left as it is.

use crate::disk::{DiskError, OpenError};
use crate::ids::ProxyId;

/// Why no group of one is made of a survivor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoverError {
    /// The store does not open or cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is nothing to go on with.
    #[error("the store in `{location}` holds no cluster: this proxy has never caught up with its group")]
    Empty {
        /// The directory.
        location: String,
    },
    /// Nobody else is needed.
    #[error("proxy {0} is the only voter of its group: it leads as soon as it starts, and has lost no quorum")]
    Alone(ProxyId),
    /// Whoever was removed must not bring back a cluster that has gone on without it.
    #[error("proxy {0} was removed from its cluster: its store cannot become the cluster")]
    Removed(ProxyId),
}

impl From<DiskError> for RecoverError {
    fn from(error: DiskError) -> Self {
        Self::Open(error.into())
    }
}
