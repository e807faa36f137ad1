//! `warren token create`, `ls` and `revoke`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use warren_raft::names::Glob;
use warren_raft::{Pattern, TokenId, TokenRole};

use super::{Schema, Time};

/// Most uses of one token.
pub const MAX_USES: u32 = 10_000;
/// Longest life of a token.
pub const MAX_TTL: Duration = Duration::from_secs(365 * 24 * 3600);

/// A wish for a token. A client's without patterns means that the client may reach nothing, an agent's that it may publish anything; a proxy's has none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// What it shall admit.
    #[serde(with = "role")]
    pub role: TokenRole,
    /// Which names.
    pub name: Glob,
    /// What a client admitted by it may reach, or an agent may publish; at most 256 patterns.
    pub allow: Vec<Pattern>,
    /// How long it shall be valid, in milliseconds: 1 to [`MAX_TTL`].
    pub ttl_ms: u64,
    /// How often: 1 to [`MAX_USES`].
    pub uses: u32,
}

/// Why a wish for a token cannot be fulfilled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRequestError {
    /// Too many uses, or none.
    #[error("a token has 1 to {MAX_USES} uses, not {0}")]
    Uses(u32),
    /// Too long a life, or none.
    #[error("a token lives for at least 1ms and at most a year")]
    Ttl,
    /// Patterns for a proxy.
    #[error("a token has patterns of what a client may reach or an agent may publish, not one of the role `{0}`")]
    AllowForRole(TokenRole),
    /// Too many patterns.
    #[error("a token has at most 256 patterns, not {0}")]
    TooManyPatterns(usize),
}

impl TokenRequest {
    /// Checks the bounds, on both sides of the socket.
    ///
    /// # Errors
    /// [`TokenRequestError`] names the first one that is exceeded.
    pub fn check(&self) -> Result<(), TokenRequestError> {
        if !(1..=MAX_USES).contains(&self.uses) {
            return Err(TokenRequestError::Uses(self.uses));
        }
        if self.ttl_ms == 0 || Duration::from_millis(self.ttl_ms) > MAX_TTL {
            return Err(TokenRequestError::Ttl);
        }
        if self.role == TokenRole::Proxy && !self.allow.is_empty() {
            return Err(TokenRequestError::AllowForRole(self.role));
        }
        if self.allow.len() > 256 {
            return Err(TokenRequestError::TooManyPatterns(self.allow.len()));
        }
        Ok(())
    }
}

/// A token as it was created: the only time that its secret is shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenCreated {
    /// 1.
    pub schema: Schema,
    /// The token with its secret.
    pub token: String,
    /// Its public name.
    pub id: TokenText,
    /// What it admits.
    #[serde(with = "role")]
    pub role: TokenRole,
    /// When it ends.
    pub expires_at: Time,
    /// How often it can be used.
    pub uses: u32,
    /// What to run on the new machine.
    pub command: String,
}

impl fmt::Debug for TokenCreated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCreated").field("id", &self.id.0).field("role", &self.role).finish_non_exhaustive()
    }
}

/// Every token that was created and not forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokensView {
    /// 1.
    pub schema: Schema,
    /// The tokens, by id.
    pub tokens: Vec<TokenRow>,
}

/// One token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRow {
    /// Its public name.
    pub id: TokenText,
    /// What it admits.
    #[serde(with = "role")]
    pub role: TokenRole,
    /// Which names.
    pub name: Glob,
    /// What a client admitted by it may reach, or an agent may publish; of an agent's token none means anything.
    pub allow: Vec<Pattern>,
    /// When it was created.
    pub created_at: Time,
    /// When it ends.
    pub expires_at: Time,
    /// How often it could be used at first.
    pub uses: u32,
    /// How often it still can.
    pub uses_left: u32,
    /// Whether it still can.
    pub state: TokenState,
}

/// Whether a token can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenState {
    /// It can.
    Valid,
    /// Its time is over.
    Expired,
    /// Its uses are.
    Used,
    /// It was revoked.
    Revoked,
}

impl fmt::Display for TokenState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Valid => "valid",
            Self::Expired => "expired",
            Self::Used => "used",
            Self::Revoked => "revoked",
        })
    }
}

/// A token that was revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeView {
    /// 1.
    pub schema: Schema,
    /// The token.
    pub id: TokenText,
    /// Always `true`.
    pub revoked: bool,
}

/// A token's id as the hexadecimal text that people see; on the wire and on disk it is bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenText(pub TokenId);

impl TryFrom<String> for TokenText {
    type Error = warren_raft::ids::IdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

impl From<TokenText> for String {
    fn from(id: TokenText) -> Self {
        id.0.to_string()
    }
}

impl fmt::Display for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

/// What to run on the machine that a token is for; `address` is a public one of any proxy.
///
/// The token is to be saved as `warren.token` first, since it must not stand in a command line, which every user of a machine
/// can read.
pub fn command_for(role: TokenRole, name: &Glob, address: &str) -> String {
    let name = name.to_string();
    let name = if name.contains('*') { "NAME" } else { &name };
    match role {
        TokenRole::Proxy => format!("warren join {address} --token-file warren.token"),
        TokenRole::Agent => {
            format!("warren agent --proxy {address} --token-file warren.token --name {name} --publish NAME=HOST:PORT")
        }
        TokenRole::Client => format!("warren enroll {address} --token-file warren.token"),
    }
}

/// A role by its name; on the wire and on disk it is a number.
mod role {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use warren_raft::TokenRole;

    pub(super) fn serialize<S: Serializer>(role: &TokenRole, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(role.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TokenRole, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
