//! Something that happened in the cluster, as an operator is told of it.

use warren_raft::Timestamp;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::proxy) struct Happening {
    /// When it was seen here.
    pub at: Timestamp,
    /// Whether it is good or bad.
    pub tone: Tone,
    /// What.
    pub text: String,
}

/// Whether it is good or bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum Tone {
    /// Something is as it should be again.
    Good,
    /// A change that is neither.
    Neutral,
    /// Something that passes by itself, or that somebody has asked for.
    Warning,
    /// Something is wrong.
    Bad,
}
