//! What tunnel tasks tell the supervisor.

use std::time::Duration;

use warren_raft::{ProxyId, Sequence};

use crate::wire::{ClusterView, Member};

/// How a tunnel was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// To a proxy that was chosen.
    Chosen(Member),
    /// By an address from the configuration.
    Entry,
}

/// Something has happened to a tunnel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Its route is committed.
    Welcomed { way: Way, sequence: Sequence, proxy: ProxyId, cluster: ClusterView },
    /// Its route is not committed, or not any more: it is held until it is, and dials come over it from whoever finds it without the table.
    Waiting { way: Way, sequence: Sequence, proxy: ProxyId, cluster: ClusterView, reason: String },
    /// The cluster has changed.
    Cluster(ClusterView),
    /// Its proxy is going away.
    Leaving { proxy: ProxyId, sequence: Sequence },
    /// Another proxy was found where a chosen one should be: what is known of the proxies is out of date.
    Stranger,
    /// It is no more.
    Ended {
        way: Way,
        sequence: Sequence,
        /// Which proxy it led to, once that was known.
        proxy: Option<ProxyId>,
        /// Why, as a fragment.
        reason: String,
        /// Not before this long is the same way worth another try.
        retry_after: Option<Duration>,
    },
    /// A fresh certificate, DER.
    Renewed { certificate: Vec<u8> },
}
