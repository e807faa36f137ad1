//! What the cluster knows: a pure value, changed only by [`Table::apply`], the same on every member.
//!
//! It must *never* read a clock, a random number or anything else that could differ between members. Every map is
//! ordered and shares structure between versions, so that a reader holds a version for as long as it likes while the next ones
//! are made, and a snapshot costs nothing.

mod apply;
mod levels;
mod proxies;
mod records;
mod routes;
mod sections;
mod succession;
mod tokens;

#[cfg(test)]
mod tests;

pub use records::{
    Agent, Client, Cluster, LastProposal, Proxy, ProxyState, Route, Service, ServiceKind, Strategy, StrategyKind, Token, TokenRole,
};
pub use sections::SectionError;
pub(crate) use sections::SectionRecord;

use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use crate::ids::{Epoch, ProxyId, TokenId};
use crate::names::{AgentName, ClientName, ServiceName};

/// Most services of one agent.
pub const MAX_SERVICES: usize = 256;
/// Most tokens that are known at once.
pub const MAX_TOKENS: usize = 10_000;

/// Most patterns of one token or client.
pub const MAX_PATTERNS: usize = 256;

/// One version of everything that is replicated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    pub(crate) cluster: Option<Cluster>,
    pub(crate) proxies: OrdMap<ProxyId, Proxy>,
    /// Per agent, ordered by proxy. Routes of an epoch that is over stay until the agent's next change; readers do
    /// not see them.
    pub(crate) routes: OrdMap<AgentName, Vec<Route>>,
    pub(crate) agents: OrdMap<AgentName, Agent>,
    pub(crate) clients: OrdMap<ClientName, Client>,
    pub(crate) tokens: OrdMap<TokenId, Token>,
    pub(crate) proposers: OrdMap<ProxyId, LastProposal>,
    pub(crate) next_proxy: u64,
    pub(crate) next_epoch: u64,
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
        self.agents.get(name)
    }

    /// Every agent that enrolled, by name.
    pub fn agents(&self) -> impl Iterator<Item = (&AgentName, &Agent)> {
        self.agents.iter()
    }

    /// The routes of one agent that are valid now, ordered by proxy.
    pub fn routes_of<'a>(&'a self, agent: &AgentName) -> impl Iterator<Item = &'a Route> {
        self.routes.get(agent).into_iter().flatten().filter(|route| self.is_current(route))
    }

    /// Every route that is valid now, ordered by agent and proxy.
    pub fn routes(&self) -> impl Iterator<Item = (&AgentName, &Route)> {
        self.routes
            .iter()
            .flat_map(|(agent, routes)| routes.iter().map(move |route| (agent, route)))
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

    /// Whether `client` may reach `service` of `agent`.
    pub fn allows(&self, client: &ClientName, agent: &AgentName, service: &ServiceName) -> bool {
        self.clients.get(client).is_some_and(|client| client.allow.iter().any(|pattern| pattern.allows(agent, service)))
    }

    /// A proxy's current epoch; `None` while it is down or unknown.
    pub fn epoch(&self, proxy: ProxyId) -> Option<Epoch> {
        self.proxies.get(&proxy).and_then(|proxy| proxy.epoch)
    }

    fn is_current(&self, route: &Route) -> bool {
        self.epoch(route.proxy) == Some(route.epoch)
    }
}
