//! What is compared from one look to the next.

use std::collections::BTreeMap;
use std::fmt;

use warren_raft::{ProxyId, ProxyName, Strategy, Table};

use super::agents::{NAMED, Online};

/// How the cluster is at a moment, as this proxy sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glance {
    /// Who leads, and in which term.
    pub(super) leader: Option<ProxyId>,
    pub(super) term: u64,
    pub(super) proxies: BTreeMap<ProxyId, (ProxyName, Presence)>,
    pub(super) strategy: Strategy,
    pub(super) online: Online,
    /// How far a rotation of the authority is.
    pub(super) rotation: Option<String>,
    pub(super) own: Own,
}

/// How this proxy itself is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Own {
    /// Whether it holds its lease.
    pub(super) holds_lease: bool,
    /// Whether its disk takes writes.
    pub(super) is_writable: bool,
    /// Why its certificate was not renewed.
    pub(super) renewal_failed: Option<String>,
    /// Machines connected here that are late to renew theirs.
    pub(super) expiring: u64,
}

/// What the table says of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// It has an epoch.
    Up,
    /// It has one, and gives its agents away.
    Draining,
    /// It has none.
    Down,
    /// It was removed and has not left yet.
    Removed,
}

impl Glance {
    /// How the table is.
    pub(super) fn of(table: &Table, (leader, term): (Option<ProxyId>, u64), own: Own) -> Self {
        let presence = |id, proxy: &warren_raft::Proxy| match (proxy.removed, proxy.epoch) {
            (true, _) => Presence::Removed,
            (false, None) => Presence::Down,
            (false, Some(_)) if table.is_draining(id) => Presence::Draining,
            (false, Some(_)) => Presence::Up,
        };
        Self {
            leader,
            term,
            proxies: table.proxies().map(|(id, proxy)| (id, (proxy.name.clone(), presence(id, proxy)))).collect(),
            strategy: table.cluster().map(|cluster| cluster.strategy).unwrap_or_default(),
            online: online(table),
            rotation: table.rotation().map(|rotation| rotation.phase.to_string()),
            own,
        }
    }
}

/// Those that are online: a walk over all of them only while they are few.
fn online(table: &Table) -> Online {
    let count = table.counts().agents_online;
    if count > NAMED {
        return Online::Counted(count);
    }
    Online::Named(table.routes().map(|(agent, _)| agent.clone()).collect())
}

impl fmt::Display for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Up => "is up",
            Self::Draining => "drains",
            Self::Down => "is down",
            Self::Removed => "was removed",
        })
    }
}
