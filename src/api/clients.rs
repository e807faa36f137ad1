//! `warren clients`, and what is left of a machine that was removed.

use serde::{Deserialize, Serialize};
use warren_raft::{AgentName, ClientName, Pattern};

use super::{CredentialRow, Schema, Time, TokenText};

/// Every client that enrolled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientsView {
    /// 1.
    pub schema: Schema,
    /// The clients, by name.
    pub clients: Vec<ClientRow>,
}

/// One client: `clients show` and `clients allow`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientView {
    /// 1.
    pub schema: Schema,
    /// The client.
    pub client: ClientRow,
}

/// A client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientRow {
    /// Its name.
    pub name: ClientName,
    /// What it may reach; nothing if there is no pattern.
    pub allow: Vec<Pattern>,
    /// When it enrolled.
    pub enrolled_at: Time,
    /// The SHA-256 of its public key, as hexadecimal digits.
    pub key: String,
    /// Its passwords for the ways in of proxies, those that have expired too.
    #[serde(default)]
    pub credentials: Vec<CredentialRow>,
}

/// What a client may reach from now on, instead of what it might before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllowRequest {
    /// Which client.
    pub name: ClientName,
    /// At most 256 patterns; none: nothing.
    pub allow: Vec<Pattern>,
}

/// Which client is to be removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientRemovalRequest {
    /// Its name.
    pub name: ClientName,
}

/// A client that was removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientRemovalView {
    /// 1.
    pub schema: Schema,
    /// Its name, which is free again.
    pub name: ClientName,
    /// Always `true`.
    pub removed: bool,
    /// Tokens that it enrolled with and that admit further machines: whoever has it may have them too.
    #[serde(default)]
    pub tokens_left: Vec<TokenText>,
}

/// Which agent is to be removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentRemovalRequest {
    /// Its name.
    pub name: AgentName,
}

/// An agent that was removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentRemovalView {
    /// 1.
    pub schema: Schema,
    /// Its name, which is free again.
    pub name: AgentName,
    /// Always `true`.
    pub removed: bool,
    /// Tokens that it enrolled with and that admit further machines: whoever has it may have them too.
    #[serde(default)]
    pub tokens_left: Vec<TokenText>,
}
