//! How a cluster is, as far as the proxy of a machine tells: a part of `doctor --report`.

use serde::Serialize;

use super::{RaftView, StatusView};

/// What the proxy has told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClusterSeen {
    /// `status`; `None` where no proxy answers.
    pub status: Option<StatusView>,
    /// `raft status`.
    pub raft: Option<RaftView>,
    /// Why there is no status.
    pub error: Option<String>,
}
