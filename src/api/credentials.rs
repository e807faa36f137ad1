//! `warren clients credential`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use warren_raft::ClientName;

use super::{Schema, Time};

/// The longest that a credential may be valid.
pub const MAX_CREDENTIAL_TTL: Duration = Duration::from_secs(366 * 24 * 3600);

/// A password that is wanted for a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialRequest {
    /// Which client.
    pub name: ClientName,
    /// How long it is to be valid, in milliseconds.
    pub ttl_ms: u64,
}

/// Why there is no such credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a credential is valid for at least a second and at most 366 days")]
pub struct CredentialRequestError;

impl CredentialRequest {
    /// Whether there can be such a credential.
    ///
    /// # Errors
    /// Says why not.
    pub fn check(&self) -> Result<(), CredentialRequestError> {
        let allowed = 1_000..=u64::try_from(MAX_CREDENTIAL_TTL.as_millis()).unwrap_or(u64::MAX);
        if allowed.contains(&self.ttl_ms) { Ok(()) } else { Err(CredentialRequestError) }
    }
}

/// A password that was made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialIssued {
    /// 1.
    pub schema: Schema,
    /// Whose it is: the name to log in with.
    pub client: ClientName,
    /// The secret, which is shown only now.
    pub secret: String,
    /// When it ends.
    pub expires_at: Time,
}

impl fmt::Debug for CredentialIssued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialIssued").field("client", &self.client).field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// Whose passwords are to be worth nothing any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialRevocationRequest {
    /// Which client.
    pub name: ClientName,
}

/// Passwords that are worth nothing any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialsRevoked {
    /// 1.
    pub schema: Schema,
    /// Whose they were.
    pub client: ClientName,
    /// How many.
    pub revoked: u64,
}

/// A password of a client, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialRow {
    /// When it was made.
    pub issued_at: Time,
    /// When it ends, or ended.
    pub expires_at: Time,
}
