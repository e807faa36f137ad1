//! What the audit log tells.

use serde::Serialize;
use warren_raft::TokenId;

use crate::api::Time;
use crate::identity::tls::Denied;

/// Something that happened. The order of the fields is that of the line.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The log itself begins or ends.
    Audit {
        /// `started` or `stopped`.
        action: &'static str,
    },
    /// A dial of one of this proxy's clients has ended.
    Dial(Dial),
    /// A machine asked for an identity.
    Enrolment(Enrolment),
    /// What became of a token.
    Token(TokenEvent),
    /// An operator changed something, or took something secret.
    Administration(Administration),
    /// Somebody was turned away.
    Denial(Denial),
}

/// A dial, from its request to its end.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Dial {
    /// Who asked, if it is a client of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// By which way in, such as `socks5 127.0.0.1:1080`, if not by a connection of warren's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingress: Option<String>,
    /// Where the client comes from, `IP:PORT`.
    pub from: String,
    /// What it asked for.
    pub target: String,
    /// Whose service it got.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The names of the proxies on the way, the one that writes this first.
    pub path: Vec<String>,
    /// `connected`, `cancelled` by the client before there was an answer, or the code of the failure.
    pub outcome: &'static str,
    /// What was wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How the stream ended: `whole`, `reset`, `cut`, `stalled`, or `denied` where what the client may reach was taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<&'static str>,
    /// Payload bytes from the client to the agent.
    pub sent_bytes: u64,
    /// Payload bytes from the agent to the client.
    pub received_bytes: u64,
    /// From the request to the end.
    pub duration_ms: u64,
    /// The dial's number in every hop's log.
    pub trace: String,
}

/// A machine that asked for an identity.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Enrolment {
    /// The role it asked for.
    pub role: String,
    /// The name it asked for.
    pub name: String,
    /// Where it comes from, `IP:PORT`.
    pub from: String,
    /// The token that it showed, by its public id.
    pub token: String,
    /// The SHA-256 of its public key, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// `enrolled`, or the code of the refusal.
    pub outcome: &'static str,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What can become of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenAction {
    /// An operator made it.
    Created,
    /// An operator made it worth nothing.
    Revoked,
    /// A machine enrolled with it.
    Used,
    /// A machine tried to.
    Refused,
}

/// What became of a token.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TokenEvent {
    /// What that is.
    pub action: TokenAction,
    /// Which one, by its public id.
    pub token: String,
    /// The operator who did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<By>,
    /// The machine that showed it, `IP:PORT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The role of the machines that may use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The names that they may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What they may reach or publish.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
    /// How often it can be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uses: Option<u32>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// `ok`, or what was wrong: a code, or a word.
    pub outcome: &'static str,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl TokenEvent {
    /// What became of this one, and nothing more.
    pub fn of(action: TokenAction, token: TokenId) -> Self {
        Self {
            action,
            token: token.to_string(),
            by: None,
            from: None,
            role: None,
            name: None,
            allow: Vec::new(),
            uses: None,
            expires_at: None,
            outcome: "ok",
            reason: None,
        }
    }
}

/// A process of this machine, as the kernel tells who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct By {
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<i32>,
}

/// A request that changes something, or hands out something secret.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Administration {
    /// The operator who asked.
    pub by: By,
    /// Method and path of the request.
    pub action: String,
    /// What it said.
    #[serde(skip_serializing_if = "serde_json::Value::is_null")]
    pub request: serde_json::Value,
    /// `ok`, or what was wrong: a code, or a word.
    pub outcome: &'static str,
}

/// Where somebody knocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Port {
    /// 3024/udp.
    Public,
    /// 3021/udp.
    Peer,
    /// The admin socket.
    Admin,
    /// A way in for programs that know nothing of warren.
    Ingress,
}

/// Somebody who was turned away.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Denial {
    /// Where.
    pub port: Port,
    /// Where from, `IP:PORT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// At which way in, such as `socks5 127.0.0.1:1080`, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingress: Option<String>,
    /// The process, if it is one of this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<By>,
    /// Who it says it is by a certificate of this cluster: `agent/NAME`, `client/NAME`, `proxy/ID`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// Why.
    pub reason: String,
}

impl Denial {
    /// Somebody at a UDP port.
    pub fn at(port: Port, from: impl ToString, reason: impl Into<String>) -> Self {
        Self { port, from: Some(from.to_string()), ingress: None, by: None, who: None, reason: reason.into() }
    }

    /// Somebody at the way in of this kind and address.
    pub fn at_ingress(ingress: &str, from: impl ToString, reason: impl Into<String>) -> Self {
        Self { ingress: Some(ingress.to_owned()), ..Self::at(Port::Ingress, from, reason) }
    }

    /// Somebody whose handshake was refused.
    pub fn from_handshake(port: Port, from: impl ToString, denied: &Denied) -> Self {
        let denial = Self::at(port, from, denied.refused.to_string());
        match &denied.identity {
            Some(identity) => denial.of(&identity.role.to_string(), &identity.name),
            None => denial,
        }
    }

    /// Who that is.
    #[must_use]
    pub fn of(self, role: &str, name: impl std::fmt::Display) -> Self {
        Self { who: Some(format!("{role}/{name}")), ..self }
    }
}
