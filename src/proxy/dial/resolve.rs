//! From a target to the services that it may mean. Pure.

use std::num::NonZeroU16;

use warren_raft::{AgentName, ClientName, ServiceName, Table};

use crate::target::Target;

/// Most agents of an `any/SERVICE` target that are considered.
const MAX_CHOICES: usize = 64;

/// A service of an agent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Choice {
    pub(super) agent: AgentName,
    pub(super) service: ServiceName,
}

/// Why a target means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unresolved {
    /// No agent of this name has enrolled.
    AgentUnknown(AgentName),
    /// The agent does not publish it.
    ServiceUnknown,
    /// The client may not.
    Denied,
}

/// The services that `target` means and `client` may reach, those that are online first. Never empty.
pub(super) fn resolve(table: &Table, client: &ClientName, target: &Target) -> Result<Vec<Choice>, Unresolved> {
    match target {
        Target::Service(agent, service) => {
            // What is not allowed is not told apart from what does not exist.
            allow(table, client, agent, service)?;
            let record = table.agent(agent).ok_or_else(|| Unresolved::AgentUnknown(agent.clone()))?;
            if !record.services.iter().any(|known| known.name == *service) {
                return Err(Unresolved::ServiceUnknown);
            }
            Ok(vec![Choice { agent: agent.clone(), service: service.clone() }])
        }
        Target::Port(agent, port) => {
            let record = table.agent(agent).ok_or_else(|| Unresolved::AgentUnknown(agent.clone()))?;
            let known = record.services.iter().find(|known| port_of(&known.target) == Some(*port)).ok_or(Unresolved::ServiceUnknown)?;
            allow(table, client, agent, &known.name)?;
            Ok(vec![Choice { agent: agent.clone(), service: known.name.clone() }])
        }
        Target::Any(service) => any(table, client, service),
    }
}

fn any(table: &Table, client: &ClientName, service: &ServiceName) -> Result<Vec<Choice>, Unresolved> {
    let publishing = || table.agents().filter(|(_, agent)| agent.services.iter().any(|known| known.name == *service));
    if publishing().next().is_none() {
        return Err(Unresolved::ServiceUnknown);
    }
    let mut allowed: Vec<_> = publishing().map(|(name, _)| name).filter(|name| table.allows(client, name, service)).collect();
    if allowed.is_empty() {
        return Err(Unresolved::Denied);
    }
    allowed.sort_by_key(|name| table.routes_of(name).next().is_none());
    Ok(allowed.into_iter().take(MAX_CHOICES).map(|agent| Choice { agent: agent.clone(), service: service.clone() }).collect())
}

fn allow(table: &Table, client: &ClientName, agent: &AgentName, service: &ServiceName) -> Result<(), Unresolved> {
    if table.allows(client, agent, service) { Ok(()) } else { Err(Unresolved::Denied) }
}

fn port_of(target: &str) -> Option<NonZeroU16> {
    target.rsplit_once(':').and_then(|(_, port)| port.parse().ok())
}
