//! Who is where: routes, and what an agent offers.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::apply::Answer;
use super::presence::Presence;
use super::{MAX_SERVICES, Route, Seen, Service, Table};
use crate::command::{Accepted, Rejection};
use crate::ids::{Epoch, ProxyId, Sequence, Timestamp};
use crate::names::AgentName;

/// What tells one tunnel of an agent from another.
pub(super) type TunnelKey = (ProxyId, Epoch, Sequence);

impl Table {
    pub(super) fn register_route(&mut self, agent: &AgentName, (proxy, epoch, sequence): TunnelKey, at: Timestamp) -> Answer {
        let current = self.proxies.get(&proxy).ok_or(Rejection::ProxyUnknown(proxy))?.epoch;
        if current != Some(epoch) {
            // Epochs count from 1, so 0 says that the proxy has none.
            return Err(Rejection::EpochOver { current: current.unwrap_or_default() });
        }
        if !self.agents.contains_key(agent) {
            return Err(Rejection::AgentUnknown(agent.clone()));
        }
        let mut routes = self.pruned(agent);
        let fresh = Route { proxy, epoch, sequence, since: at };
        let answer = match routes.binary_search_by_key(&proxy, |route| route.proxy) {
            Ok(place) if routes[place].sequence > sequence => Err(Rejection::SequenceOld { current: routes[place].sequence }),
            Ok(place) => {
                if routes[place].sequence < sequence {
                    routes[place] = fresh;
                }
                Ok(Accepted::Done)
            }
            Err(place) => {
                routes.insert(place, fresh);
                Ok(Accepted::Done)
            }
        };
        if answer.is_ok() {
            self.put_presence(agent, routes, Seen { at, proxy });
        }
        answer
    }

    pub(super) fn withdraw_route(&mut self, agent: &AgentName, (proxy, epoch, sequence): TunnelKey, at: Timestamp) -> Answer {
        let mut routes = self.pruned(agent);
        let before = routes.len();
        routes.retain(|route| (route.proxy, route.epoch, route.sequence) != (proxy, epoch, sequence));
        let Some(known) = self.last_seen(agent) else { return Ok(Accepted::Done) };
        let seen = if routes.len() < before { Seen { at, proxy } } else { known };
        self.put_presence(agent, routes, seen);
        Ok(Accepted::Done)
    }

    pub(super) fn publish_services(&mut self, agent: &AgentName, services: &[Service], version: &str) -> Answer {
        if !self.agents.contains_key(agent) {
            return Err(Rejection::AgentUnknown(agent.clone()));
        }
        if services.len() > MAX_SERVICES {
            return Err(Rejection::TooMany { what: "services".to_owned(), limit: MAX_SERVICES as u64 });
        }
        let mut names = BTreeSet::new();
        if let Some(twice) = services.iter().find(|service| !names.insert(&service.name)) {
            return Err(Rejection::NameInvalid(format!("the service `{}` is listed twice", twice.name)));
        }
        self.check_publishing(agent, services)?;
        let record = self.agents.get_mut(agent).ok_or_else(|| Rejection::AgentUnknown(agent.clone()))?;
        let record = Arc::make_mut(record);
        record.services = services.to_vec();
        record.services.sort_by(|a, b| a.name.cmp(&b.name));
        version.clone_into(&mut record.version);
        Ok(Accepted::Done)
    }

    /// The agent's routes without those of epochs that are over.
    fn pruned(&self, agent: &AgentName) -> Vec<Route> {
        self.routes_of(agent).copied().collect()
    }

    fn put_presence(&mut self, agent: &AgentName, routes: Vec<Route>, seen: Seen) {
        let presence = Presence { routes: routes.into(), seen };
        let replaced = self.presences.get_mut(agent).map(|known| std::mem::replace(known, presence.clone()));
        let before = replaced.as_ref().map_or(&[][..], |replaced| replaced.routes.as_slice());
        self.census.moved(before, presence.routes.as_slice());
        if replaced.is_none() {
            self.presences.insert(agent.clone(), presence);
        }
    }

    /// Forgets where an agent is and was.
    pub(super) fn forget_presence(&mut self, agent: &AgentName) {
        if let Some(presence) = self.presences.remove(agent) {
            self.census.moved(presence.routes.as_slice(), &[]);
        }
    }

    /// Forgets every route; when and where an agent was last seen stays.
    pub(super) fn withdraw_all_routes(&mut self) {
        for (agent, presence) in self.presences.clone().iter() {
            self.put_presence(agent, Vec::new(), presence.seen);
        }
    }

    /// Puts what is known of an agent into a table that is being read, and returns what was there.
    pub(super) fn read_presence(&mut self, agent: AgentName, presence: Presence) -> Option<Presence> {
        self.census.moved(self.presences.get(&agent).map_or(&[], |known| known.routes.as_slice()), presence.routes.as_slice());
        self.presences.insert(agent, presence)
    }
}
