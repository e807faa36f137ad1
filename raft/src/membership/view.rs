//! What the leader knows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::health::Health;
use crate::ids::ProxyId;

/// A proxy as the table has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Where peers reach it; `None` until it has started for the first time.
    pub address: Option<String>,
    /// Its zone. All proxies that were given none are in one.
    pub zone: String,
    /// Whether it is to leave: it was removed, and its record stays until it is no member any more.
    pub removed: bool,
}

/// What the leader knows.
#[derive(Clone, Debug)]
pub struct View {
    /// The leader itself.
    pub leader: ProxyId,
    /// The proxies of the table. It must hold everything that was committed before this member began to lead, or a member that
    /// it does not have *yet* would be forgotten.
    pub proxies: BTreeMap<ProxyId, Listed>,
    /// Where the members of the group are reached, as the log has it.
    pub members: BTreeMap<ProxyId, String>,
    /// Who votes, newest last; more than one between two configurations.
    pub configurations: Vec<BTreeSet<ProxyId>>,
    /// How each member is. The leader is up.
    pub health: BTreeMap<ProxyId, Health>,
    /// To whom leadership can be handed over: other voters that are up and have caught up; of these the ones that do not drain, unless all
    /// do. None for a while after that has failed.
    pub successors: BTreeSet<ProxyId>,
}

impl View {
    /// The voters of the newest configuration.
    pub(super) fn voters(&self) -> BTreeSet<ProxyId> {
        self.configurations.last().cloned().unwrap_or_default()
    }

    /// Whether the proxy is in the table and was not removed.
    pub(super) fn is_listed(&self, id: ProxyId) -> bool {
        self.proxies.get(&id).is_some_and(|listed| !listed.removed)
    }

    /// The members that are up.
    pub(super) fn healthy(&self) -> BTreeSet<ProxyId> {
        self.members.keys().copied().filter(|id| self.is_up(*id)).collect()
    }

    pub(super) fn is_up(&self, id: ProxyId) -> bool {
        matches!(self.health.get(&id), Some(Health::Up { .. }))
    }

    /// Whether the member has been up for as long as this.
    pub(super) fn up_for(&self, id: ProxyId, least: Duration, now: Instant) -> bool {
        matches!(self.health.get(&id), Some(Health::Up { since }) if now.saturating_duration_since(*since) >= least)
    }

    /// Whether the member has been down for as long as this.
    pub(super) fn down_for(&self, id: ProxyId, least: Duration, now: Instant) -> bool {
        matches!(self.health.get(&id), Some(Health::Down { since }) if now.saturating_duration_since(*since) >= least)
    }
}
