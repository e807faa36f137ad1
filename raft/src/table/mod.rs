//! What the cluster knows: a pure value, changed only by [`Table::apply`], the same on every member.
//!
//! It must *never* read a clock, a random number or anything else that could differ between members. Every map has an order of its own
//! (imbl's by key, `NameMap` by a fixed hash) and shares structure between versions, so that a reader holds a version for as long as it likes while the next ones
//! are made, and a snapshot costs nothing.

mod allowances;
mod apply;
mod authorities;
mod census;
mod credentials;
mod drains;
mod ingress;
mod levels;
mod name_map;
mod presence;
mod proxies;
mod records;
mod remains;
mod removed;
mod routes;
mod sections;
mod serials;
mod strategy;
mod succession;
mod tokens;

#[cfg(test)]
mod tests;

pub use allowances::{Publishing, Rights};
pub use authorities::{AuthorityRecord, Rotation, RotationPhase};
pub use census::Counts;
pub use credentials::{Credential, Credentials, MAX_CREDENTIALS};
pub use drains::Drain;
pub use ingress::{Ingress, IngressAdmits, IngressKind, IngressRule, MAX_INGRESS_RULES, Reach, port_of};
pub use presence::Seen;
pub use records::{Agent, Client, Cluster, LastProposal, Proxy, ProxyState, Route, Service, ServiceKind, Token, TokenRole};
pub(crate) use remains::Remains;
pub use removed::RemovedKey;
pub use sections::SectionError;
pub(crate) use sections::SectionRecord;
pub use serials::{MAX_REVOKED, Revocations};
pub use strategy::{Strategy, StrategyKind, UnknownStrategy};

use std::sync::Arc;

use crate::ids::{Epoch, KeyHash, ProxyId, Serial, Timestamp, TokenId};
use crate::names::{AgentName, ClientName};
use census::Census;
use drains::Drains;
use imbl::OrdMap;
use name_map::NameMap;
use presence::Presence;

/// Most services of one agent.
pub const MAX_SERVICES: usize = 256;
/// Most tokens that are known at once.
pub const MAX_TOKENS: usize = 10_000;

/// Most patterns of one token or client.
pub const MAX_PATTERNS: usize = 256;
/// Most keys of removed machines that are known at once; beyond it those that were removed first are forgotten.
pub const MAX_REMOVED_KEYS: usize = 100_000;

/// One version of everything that is replicated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    pub(crate) cluster: Option<Cluster>,
    pub(crate) proxies: OrdMap<ProxyId, Proxy>,
    /// Every agent that has had a tunnel.
    pub(crate) presences: NameMap<Presence>,
    pub(crate) agents: NameMap<Arc<Agent>>,
    pub(crate) clients: OrdMap<ClientName, Client>,
    pub(crate) tokens: OrdMap<TokenId, Token>,
    pub(crate) proposers: OrdMap<ProxyId, LastProposal>,
    /// Proxies that drain.
    pub(crate) drains: OrdMap<ProxyId, Drains>,
    /// Tokens that say what their agents may publish.
    pub(crate) publishing_tokens: OrdMap<TokenId, Arc<Publishing>>,
    /// What agents may publish; one that is not here may publish anything.
    pub(crate) publishing: NameMap<Arc<Publishing>>,
    /// Keys of machines that were removed.
    pub(crate) removed_keys: OrdMap<KeyHash, RemovedKey>,
    /// The authority that is to take the place of the cluster's.
    pub(crate) rotation: Option<Rotation>,
    /// Certificates that are refused, and until when.
    pub(crate) revoked: OrdMap<Serial, Timestamp>,
    /// The doors of proxies by which somebody without a connection of warren's own comes in.
    pub(crate) ingress: OrdMap<ProxyId, Ingress>,
    /// What clients may show there.
    pub(crate) credentials: OrdMap<ClientName, Credentials>,
    pub(crate) next_proxy: u64,
    pub(crate) next_epoch: u64,
    /// Follows from `presences`.
    pub(crate) census: Census,
}

impl Table {
    /// The cluster, once it is bootstrapped.
    pub fn cluster(&self) -> Option<&Cluster> {
        self.cluster.as_ref()
    }

    /// A proxy's record.
    pub fn proxy(&self, id: ProxyId) -> Option<&Proxy> {
        self.proxies.get(&id)
    }

    /// Every proxy, by id.
    pub fn proxies(&self) -> impl Iterator<Item = (ProxyId, &Proxy)> {
        self.proxies.iter().map(|(id, proxy)| (*id, proxy))
    }

    /// An agent's record.
    pub fn agent(&self, name: &AgentName) -> Option<&Agent> {
        self.agents.get(name).map(|agent| &**agent)
    }

    /// When and where an agent was last seen; `None` if it has never had a tunnel.
    pub fn last_seen(&self, name: &AgentName) -> Option<Seen> {
        self.presences.get(name).map(|presence| presence.seen)
    }

    /// How many agents have enrolled.
    pub fn agent_count(&self) -> usize {
        self.agents.len()
    }

    /// Every agent that enrolled, in an order that is the same on every member and is not that of their names.
    pub fn agents(&self) -> impl Iterator<Item = (&AgentName, &Agent)> {
        self.agents.iter().map(|(name, agent)| (name, &**agent))
    }

    /// The same, beginning at a place that a number stands for and ending where it began: who looks at a few of a million agents looks at others each time.
    pub fn agents_around(&self, place: u64) -> impl Iterator<Item = (&AgentName, &Agent)> {
        self.agents.iter_around(place).map(|(name, agent)| (name, &**agent))
    }

    /// Every agent's record, to see when it is freed.
    #[cfg(test)]
    pub(crate) fn agent_records(&self) -> impl Iterator<Item = &Arc<Agent>> {
        self.agents.iter().map(|(_, agent)| agent)
    }

    /// The routes of one agent that are valid now, ordered by proxy.
    pub fn routes_of<'a>(&'a self, agent: &AgentName) -> impl Iterator<Item = &'a Route> {
        self.stored_routes(agent).iter().filter(|route| self.is_current(route))
    }

    /// Every route that is valid now, those of an agent together and ordered by proxy, the agents as in [`agents`](Self::agents).
    pub fn routes(&self) -> impl Iterator<Item = (&AgentName, &Route)> {
        self.presences
            .iter()
            .flat_map(|(agent, presence)| presence.routes.as_slice().iter().map(move |route| (agent, route)))
            .filter(|(_, route)| self.is_current(route))
    }

    /// A client's record.
    pub fn client(&self, name: &ClientName) -> Option<&Client> {
        self.clients.get(name)
    }

    /// Every client that enrolled, by name.
    pub fn clients(&self) -> impl Iterator<Item = (&ClientName, &Client)> {
        self.clients.iter()
    }

    /// A token's record.
    pub fn token(&self, id: TokenId) -> Option<&Token> {
        self.tokens.get(&id)
    }

    /// Every token that was created and not forgotten, by id.
    pub fn tokens(&self) -> impl Iterator<Item = (TokenId, &Token)> {
        self.tokens.iter().map(|(id, token)| (*id, token))
    }

    /// A proxy's current epoch; `None` while it is down or unknown.
    pub fn epoch(&self, proxy: ProxyId) -> Option<Epoch> {
        self.proxies.get(&proxy).and_then(|proxy| proxy.epoch)
    }

    /// The routes of one agent, those of epochs that are over too.
    fn stored_routes(&self, agent: &AgentName) -> &[Route] {
        self.presences.get(agent).map_or(&[], |presence| presence.routes.as_slice())
    }

    fn is_current(&self, route: &Route) -> bool {
        self.epoch(route.proxy) == Some(route.epoch)
    }
}
