//! What tunnel tasks tell the supervisor.

use std::time::Duration;

use tokio::sync::oneshot;
use warren_raft::{ProxyId, Sequence};

use super::placement::{Hearing, Meeting};
use crate::wire::{Authorities, ClusterView};

/// Something has happened to the tunnel with this number.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) sequence: Sequence,
    pub(super) what: What,
}

/// What has happened.
#[derive(Debug)]
pub(super) enum What {
    /// A proxy has answered the handshake.
    Met {
        proxy: ProxyId,
        /// Where.
        address: String,
        /// What is to become of the connection. Nothing has been said on it yet.
        answer: oneshot::Sender<Meeting>,
    },
    /// Its route is committed.
    Welcomed { proxy: ProxyId, cluster: ClusterView },
    /// Its route is not committed, or not any more: it is held until it is, and dials come over it from whoever finds it without the table.
    Waiting { proxy: ProxyId, cluster: ClusterView, reason: String },
    /// The cluster has changed.
    Cluster(ClusterView),
    /// Its proxy is going away.
    Leaving { proxy: ProxyId },
    /// Its proxy asks for a tunnel to another one instead.
    Move { proxy: ProxyId, to: ProxyId },
    /// Its route is withdrawn, as far as that can be waited for.
    Retired { proxy: ProxyId },
    /// Signs of life have stopped, or come again.
    Hearing { proxy: ProxyId, hearing: Hearing },
    /// A fresh certificate, DER.
    Renewed { certificate: Vec<u8> },
    /// There is none, and why.
    NotRenewed { proxy: ProxyId, reason: String },
    /// Whom to trust from now on.
    Authorities(Authorities),
    /// It is no more.
    Ended(End),
}

/// How a tunnel ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It was retired, and its last stream has ended.
    Retired,
    /// What answered is held already, or not wanted.
    NotNeeded(Meeting),
    /// It failed, or never came about.
    Failed {
        /// Why, as a fragment.
        reason: String,
        /// Which address was tried last, before anything but the handshake had happened.
        address: Option<String>,
        /// Not before this long is the same way worth another try.
        retry_after: Option<Duration>,
    },
    /// The cluster does not want this machine any more.
    Removed {
        /// Who says so, as a fragment.
        reason: String,
        /// Which address was tried.
        address: Option<String>,
    },
}
