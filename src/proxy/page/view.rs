//! The facts that the page shows.

use std::collections::{BTreeMap, BTreeSet};

use warren_raft::{AgentName, ProxyId, ProxyName, Timestamp};

use crate::api::{ProxyRow, StatusView};
use crate::proxy::recent::{Happening, Sample};
use crate::wire::{LinkVitals, Vitals};

/// Most groups of agents that are drawn.
pub(in crate::proxy) const MAX_GROUPS: usize = 12;
/// Most names of a group.
pub(in crate::proxy) const MAX_NAMED: usize = 3;
/// Most agents that are listed by name.
pub(in crate::proxy) const MAX_LISTED: usize = 60;

/// The facts.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct View {
    /// When they were gathered.
    pub at: Timestamp,
    /// The proxy that shows them.
    pub me: ProxyId,
    /// What `status` says.
    pub status: StatusView,
    /// The zone of each proxy.
    pub zones: BTreeMap<ProxyId, String>,
    /// How each proxy does that answers.
    pub vitals: BTreeMap<ProxyId, Vitals>,
    /// Where agents are: those with tunnels to the same proxies together, the largest group first, at most [`MAX_GROUPS`].
    pub groups: Vec<Group>,
    /// Groups beyond those.
    pub further_groups: u64,
    /// Agents by name, at most [`MAX_LISTED`]: those that are away first.
    pub listed: Vec<Listed>,
    /// Agents that have enrolled.
    pub enrolled: u64,
    /// What ran through this proxy, the oldest first.
    pub samples: Vec<Sample>,
    /// What happened, the newest first.
    pub happened: Vec<Happening>,
}

/// Agents with tunnels to the same proxies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::proxy) struct Group {
    /// Where.
    pub proxies: BTreeSet<ProxyId>,
    /// How many.
    pub agents: u64,
    /// Their names, where they are few and known.
    pub names: Vec<AgentName>,
}

/// An agent in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::proxy) struct Listed {
    /// Its name.
    pub name: AgentName,
    /// The services that it publishes, by name.
    pub services: Vec<String>,
    /// Where it is; nowhere when it is away.
    pub proxies: Vec<ProxyName>,
    /// When a tunnel of it was last opened or closed.
    pub last_seen: Option<Timestamp>,
}

impl View {
    /// This proxy's own row.
    pub(super) fn own(&self) -> Option<&ProxyRow> {
        self.status.proxies.iter().find(|row| row.id == self.me)
    }

    /// This proxy's name, as people know it.
    pub(super) fn name(&self) -> String {
        self.own().map_or_else(|| format!("proxy {}", self.me), |row| row.name.to_string())
    }

    /// What is known of the link between two proxies, whichever of them says it: the worse of what they say.
    pub(super) fn link(&self, one: ProxyId, other: ProxyId) -> Option<LinkVitals> {
        let says = |from: ProxyId, to: ProxyId| self.vitals.get(&from)?.links.iter().find(|link| link.peer == to).copied();
        match (says(one, other), says(other, one)) {
            (Some(there), Some(back)) => Some(LinkVitals {
                peer: other,
                round_trip_us: there.round_trip_us.zip(back.round_trip_us).map(|(there, back)| there.max(back)),
                lost_ppm: there.lost_ppm.max(back.lost_ppm),
            }),
            (there, back) => there.or(back),
        }
    }
}
