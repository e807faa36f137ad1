//! What can go wrong with a running store, per operation.

use std::time::Duration;

use super::hand_over::NotHandedOver;
use crate::command::Rejection;
use crate::ids::Level;
use crate::membership::NotRemovable;
use crate::names::ProxyName;

/// Why a command is not known to be committed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// It was committed and changed nothing.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// No leader took it and confirmed it in time. It may still be committed later.
    #[error("no quorum confirmed the change within {:?}", in_millis(*.0))]
    NoQuorum(Duration),
    /// A proxy of the cluster does not know such a command yet, so it was not taken.
    #[error("the change needs feature level {needed} and the cluster is at {cluster}: {}", names(.held_back_by))]
    AboveLevel {
        /// The command's level.
        needed: Level,
        /// The cluster's.
        cluster: Level,
        /// The proxies that do not know the command's level; none if the cluster is about to be raised.
        held_back_by: Vec<ProxyName>,
    },
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

/// What is left of a deadline is a number of nanoseconds, of which nobody wants to know more than the milliseconds.
pub(crate) fn in_millis(time: Duration) -> Duration {
    const HALF: Duration = Duration::from_micros(500);
    Duration::from_millis(u64::try_from(time.saturating_add(HALF).as_millis()).unwrap_or(u64::MAX))
}

/// Who is to be updated.
fn names(held_back_by: &[ProxyName]) -> String {
    if held_back_by.is_empty() {
        return "every proxy knows it now, try again".to_owned();
    }
    let names: Vec<_> = held_back_by.iter().map(|name| format!("`{name}`")).collect();
    format!("update warren on {}", names.join(", "))
}

/// Why leadership was not transferred.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// The leader did not hand it over.
    #[error(transparent)]
    Refused(#[from] NotHandedOver),
    /// No leader answered in time.
    #[error("no leader answered within {:?}", in_millis(*.0))]
    NoLeader(Duration),
    /// The store has stopped.
    #[error("the store has stopped: {0}")]
    Stopped(String),
}

/// Why a proxy was not removed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemoveError {
    /// The leader sees that the group cannot do without it.
    #[error(transparent)]
    Refused(#[from] NotRemovable),
    /// The table was not told.
    #[error(transparent)]
    Propose(#[from] ProposeError),
}

/// Why a read could not be confirmed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// No leader confirmed in time.
    #[error("no quorum confirmed the read within {:?}", in_millis(*.0))]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_told_in_milliseconds() {
        let told = |nanos| ReadError::NoQuorum(Duration::from_nanos(nanos)).to_string();
        assert_eq!(told(299_999_209), "no quorum confirmed the read within 300ms");
        assert_eq!(told(9_999_400_000), "no quorum confirmed the read within 9.999s");
        assert_eq!(told(u64::MAX), "no quorum confirmed the read within 18446744073.71s");
    }
}
