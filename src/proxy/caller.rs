//! For whom a dial is, and by what it may be.

use std::fmt;

use warren_raft::{AgentName, ClientName, KeyHash, ProxyId, Serial, ServiceName, Table};

/// For whom a dial is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Caller {
    /// A client of the cluster.
    Client(ClientName),
    /// Whoever has come in by a door of a proxy and shown nothing.
    Ingress {
        /// The proxy.
        proxy: ProxyId,
        /// The door, by its place among the proxy's.
        rule: u16,
    },
}

impl Caller {
    /// Whether it may reach `service` of `agent`.
    pub(super) fn may(&self, table: &Table, agent: &AgentName, service: &ServiceName) -> bool {
        match self {
            Self::Client(client) => table.allows(client, agent, service),
            Self::Ingress { proxy, rule } => table.ingress_allows((*proxy, *rule), agent, service),
        }
    }

    /// Whether it may reach every service that `agent` has or may have.
    pub(super) fn may_all_of(&self, table: &Table, agent: &AgentName) -> bool {
        match self {
            Self::Client(client) => table.allows_all_of(client, agent),
            Self::Ingress { proxy, rule } => table.ingress_rule(*proxy, *rule).is_some_and(|rule| rule.allows_all_of(agent)),
        }
    }

    /// Whether it may reach `service` of any agent that there is or may be.
    pub(super) fn may_somewhere(&self, table: &Table, service: &ServiceName) -> bool {
        match self {
            Self::Client(client) => table.allows_somewhere(client, service),
            Self::Ingress { proxy, rule } => table.ingress_rule(*proxy, *rule).is_some_and(|rule| rule.allows_somewhere(service)),
        }
    }

    /// Whether it may reach `service` of every agent that there is or may be.
    pub(super) fn may_everywhere(&self, table: &Table, service: &ServiceName) -> bool {
        match self {
            Self::Client(client) => table.allows_everywhere(client, service),
            Self::Ingress { proxy, rule } => table.ingress_rule(*proxy, *rule).is_some_and(|rule| rule.allows_everywhere(service)),
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(client) => write!(f, "client `{client}`"),
            Self::Ingress { proxy, rule } => write!(f, "whoever comes in by door {rule} of proxy {proxy}"),
        }
    }
}

/// What a caller has shown to this proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shown {
    /// Nothing: it needs nothing, or another proxy has seen it.
    Nothing,
    /// The key that its certificate is for.
    Key(KeyHash),
    /// The secret with this hash.
    Secret(KeyHash),
    /// A certificate, over TCP: its key and its number.
    Certificate(KeyHash, Serial),
}

impl Shown {
    /// Whether it still shows that the caller is who it was.
    pub(super) fn stands(self, table: &Table, caller: &Caller) -> bool {
        let Caller::Client(client) = caller else { return true };
        let has_key = |key| table.client(client).is_some_and(|client| client.key == key);
        match self {
            Self::Nothing => true,
            Self::Key(key) => has_key(key),
            Self::Secret(secret) => table.has_credential(client, secret),
            Self::Certificate(key, serial) => has_key(key) && !table.was_revoked(serial),
        }
    }
}
