//! Who is where: routes, and what an agent offers.

use std::collections::BTreeSet;

use super::apply::Answer;
use super::{MAX_SERVICES, Route, Service, Table};
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
        self.routes.insert(agent.clone(), routes);
        if answer.is_ok() {
            self.see(agent, proxy, at);
        }
        answer
    }

    pub(super) fn withdraw_route(&mut self, agent: &AgentName, (proxy, epoch, sequence): TunnelKey, at: Timestamp) -> Answer {
        let mut routes = self.pruned(agent);
        let before = routes.len();
        routes.retain(|route| (route.proxy, route.epoch, route.sequence) != (proxy, epoch, sequence));
        let withdrawn = routes.len() < before;
        if routes.is_empty() {
            self.routes.remove(agent);
        } else {
            self.routes.insert(agent.clone(), routes);
        }
        if withdrawn {
            self.see(agent, proxy, at);
        }
        Ok(Accepted::Done)
    }

    pub(super) fn publish_services(&mut self, agent: &AgentName, services: &[Service], version: &str) -> Answer {
        let record = self.agents.get_mut(agent).ok_or_else(|| Rejection::AgentUnknown(agent.clone()))?;
        if services.len() > MAX_SERVICES {
            return Err(Rejection::TooMany { what: "services".to_owned(), limit: MAX_SERVICES as u64 });
        }
        let mut names = BTreeSet::new();
        if let Some(twice) = services.iter().find(|service| !names.insert(&service.name)) {
            return Err(Rejection::NameInvalid(format!("the service `{}` is listed twice", twice.name)));
        }
        record.services = services.to_vec();
        record.services.sort_by(|a, b| a.name.cmp(&b.name));
        version.clone_into(&mut record.version);
        Ok(Accepted::Done)
    }

    /// The agent's routes without those of epochs that are over.
    fn pruned(&self, agent: &AgentName) -> Vec<Route> {
        self.routes_of(agent).copied().collect()
    }

    fn see(&mut self, agent: &AgentName, proxy: ProxyId, at: Timestamp) {
        if let Some(record) = self.agents.get_mut(agent) {
            record.last_seen = Some(at);
            record.last_proxy = Some(proxy);
        }
    }
}
