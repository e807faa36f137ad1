//! What can go wrong with a running store, per operation.

use std::time::Duration;

use crate::command::Rejection;

/// Why a command is not known to be committed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// It was committed and changed nothing.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// No leader took it and confirmed it in time. It may still be committed later.
    #[error("no quorum confirmed the change within {0:?}")]
    NoQuorum(Duration),
    /// Too many commands wait already; this one was not taken.
    #[error("{0} changes are waiting already")]
    QueueFull(usize),
    /// The disk of this member takes no writes. What was on its way when that began may still be committed.
    #[error("this proxy records nothing: {0}")]
    Disk(String),
    /// The store has stopped.
    #[error("the store has stopped: {0}")]
    Stopped(String),
}

/// Why a read could not be confirmed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// No leader confirmed in time.
    #[error("no quorum confirmed the read within {0:?}")]
    NoQuorum(Duration),
    /// The disk of this member takes no writes, so its table does not follow.
    #[error("this proxy's table does not follow: {0}")]
    Disk(String),
    /// The store has stopped.
    #[error("the store has stopped: {0}")]
    Stopped(String),
}

/// A request that is not one of this store's, or not one of the member that sent it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a garbled request")]
pub struct Garbled;
