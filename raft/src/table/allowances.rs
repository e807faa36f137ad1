//! Who may what: which services a client may reach, and which an agent may publish.
//!
//! A client may reach nothing but what its patterns say. An agent may publish anything unless the token that it enrolled with says what.

use std::sync::Arc;

use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use super::apply::Answer;
use super::{Agent, Client, Credentials, Ingress, MAX_PATTERNS, RemovedKey, Service, Table};
use crate::command::{Accepted, NewToken, Rejection};
use crate::ids::{KeyHash, ProxyId, Serial, Timestamp, TokenId};
use crate::names::{AgentName, ClientName, Pattern, ServiceName};

/// What an agent may publish. Fields are only ever added, in a section of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publishing {
    /// At least one of them covers each of its services.
    pub allow: Vec<Pattern>,
}

/// Which clients there are with what they may and how they may show themselves, what proxies let in besides, and which keys and certificates are refused, as
/// they were in some version of the table.
#[derive(Clone, Debug)]
pub struct Rights {
    clients: OrdMap<ClientName, Client>,
    removed_keys: OrdMap<KeyHash, RemovedKey>,
    credentials: OrdMap<ClientName, Credentials>,
    ingress: OrdMap<ProxyId, Ingress>,
    revoked: OrdMap<Serial, Timestamp>,
}

impl Rights {
    /// Whether nothing has changed since then. It takes no time, and may say no though nothing has.
    pub fn are_those_of(&self, table: &Table) -> bool {
        self.clients.ptr_eq(&table.clients)
            && self.removed_keys.ptr_eq(&table.removed_keys)
            && self.credentials.ptr_eq(&table.credentials)
            && self.ingress.ptr_eq(&table.ingress)
            && self.revoked.ptr_eq(&table.revoked)
    }
}

impl Publishing {
    fn allows(&self, agent: &AgentName, service: &ServiceName) -> bool {
        self.allow.iter().any(|pattern| pattern.allows(agent, service))
    }
}

impl Table {
    /// Whether `client` may reach `service` of `agent`.
    pub fn allows(&self, client: &ClientName, agent: &AgentName, service: &ServiceName) -> bool {
        self.clients.get(client).is_some_and(|client| client.allow.iter().any(|pattern| pattern.allows(agent, service)))
    }

    /// Whether `client` may reach every service that `agent` has or may have.
    pub fn allows_all_of(&self, client: &ClientName, agent: &AgentName) -> bool {
        self.clients.get(client).is_some_and(|client| client.allow.iter().any(|pattern| pattern.allows_all_of(agent)))
    }

    /// Whether `client` may reach `service` of any agent that there is or may be.
    pub fn allows_somewhere(&self, client: &ClientName, service: &ServiceName) -> bool {
        self.clients.get(client).is_some_and(|client| client.allow.iter().any(|pattern| pattern.allows_somewhere(service)))
    }

    /// Whether `client` may reach `service` of every agent that there is or may be.
    pub fn allows_everywhere(&self, client: &ClientName, service: &ServiceName) -> bool {
        self.clients.get(client).is_some_and(|client| client.allow.iter().any(|pattern| pattern.allows_everywhere(service)))
    }

    /// What follows for who may do what, to see whether a later version has other [`Rights`].
    pub fn rights(&self) -> Rights {
        Rights {
            clients: self.clients.clone(),
            removed_keys: self.removed_keys.clone(),
            credentials: self.credentials.clone(),
            ingress: self.ingress.clone(),
            revoked: self.revoked.clone(),
        }
    }

    /// What an agent may publish; `None` if that is anything.
    pub fn publishing(&self, agent: &AgentName) -> Option<&Publishing> {
        self.publishing.get(agent).map(|publishing| &**publishing)
    }

    /// What agents that are admitted by a token may publish; `None` if that is anything, or the token is for others.
    pub fn token_publishing(&self, token: TokenId) -> Option<&Publishing> {
        self.publishing_tokens.get(&token).map(|publishing| &**publishing)
    }

    /// The first of the services that the agent may not publish.
    pub fn may_not_publish<'a>(&self, agent: &AgentName, services: &'a [Service]) -> Option<&'a Service> {
        let publishing = self.publishing.get(agent)?;
        services.iter().find(|service| !publishing.allows(agent, &service.name))
    }

    pub(super) fn allow_client(&mut self, name: &ClientName, allow: &[Pattern]) -> Answer {
        bounded(allow)?;
        let client = self.clients.get_mut(name).ok_or_else(|| Rejection::ClientUnknown(name.clone()))?;
        client.allow = allow.to_vec();
        Ok(Accepted::Done)
    }

    pub(super) fn create_agent_token(&mut self, token: &NewToken, at: Timestamp) -> Answer {
        let answer = self.create_token(&NewToken { allow: Vec::new(), ..token.clone() }, at)?;
        self.publishing_tokens.insert(token.id, Arc::new(Publishing { allow: token.allow.clone() }));
        Ok(answer)
    }

    /// What an agent may publish is what the token says that it enrolled with last: what it published and may not is gone at once.
    pub(super) fn set_publishing(&mut self, agent: &AgentName, token: TokenId) {
        let Some(publishing) = self.publishing_tokens.get(&token).cloned() else {
            self.publishing.remove(agent);
            return;
        };
        if let Some(record) = self.agents.get_mut(agent) {
            let stays = |service: &Service| publishing.allows(agent, &service.name);
            if !record.services.iter().all(stays) {
                let record: &mut Agent = Arc::make_mut(record);
                record.services.retain(stays);
            }
        }
        self.publishing.insert(agent.clone(), publishing);
    }

    /// Whether an agent may publish all of that.
    pub(super) fn check_publishing(&self, agent: &AgentName, services: &[Service]) -> Result<(), Rejection> {
        match self.may_not_publish(agent, services) {
            Some(service) => Err(Rejection::MayNotPublish { agent: agent.clone(), service: service.name.clone() }),
            None => Ok(()),
        }
    }
}

/// Whether a list of patterns is not too long.
pub(super) fn bounded<T>(patterns: &[T]) -> Result<(), Rejection> {
    if patterns.len() > MAX_PATTERNS {
        return Err(Rejection::TooMany { what: "patterns".to_owned(), limit: MAX_PATTERNS as u64 });
    }
    Ok(())
}
