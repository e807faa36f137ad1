//! Passwords that the cluster has made for clients, as hashes: for programs that come in by an ingress and have no certificate.

use serde::{Deserialize, Serialize};

use super::Table;
use super::apply::Answer;
use crate::command::{Accepted, Rejection};
use crate::ids::{KeyHash, Timestamp};
use crate::names::ClientName;

/// Most credentials of one client.
pub const MAX_CREDENTIALS: usize = 8;

/// The credentials of a client. Fields are only ever added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// Those that were issued and not revoked.
    pub known: Vec<Credential>,
}

/// A password of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// The hash of its secret.
    pub secret: KeyHash,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Table {
    /// The credentials of a client, those that have expired too.
    pub fn credentials(&self, client: &ClientName) -> &[Credential] {
        self.credentials.get(client).map_or(&[], |credentials| &credentials.known)
    }

    /// Whether `client` has a credential with this hash that was not revoked, expired or not.
    pub fn has_credential(&self, client: &ClientName, secret: KeyHash) -> bool {
        self.credentials(client).iter().any(|credential| credential.secret == secret)
    }

    /// Whether whoever knows the secret with this hash is `client` at `now`.
    pub fn admits_credential(&self, client: &ClientName, secret: KeyHash, now: Timestamp) -> bool {
        self.credentials(client).iter().any(|credential| credential.secret == secret && credential.expires_at > now)
    }

    /// A further credential; those that have expired make room for it.
    pub(super) fn issue_credential(&mut self, client: &ClientName, (secret, expires_at): (KeyHash, Timestamp), at: Timestamp) -> Answer {
        if !self.clients.contains_key(client) {
            return Err(Rejection::ClientUnknown(client.clone()));
        }
        let mut credentials = self.credentials.get(client).cloned().unwrap_or_default();
        credentials.known.retain(|credential| credential.expires_at > at && credential.secret != secret);
        if credentials.known.len() >= MAX_CREDENTIALS {
            return Err(Rejection::TooMany { what: "credentials of a client".to_owned(), limit: MAX_CREDENTIALS as u64 });
        }
        credentials.known.push(Credential { secret, issued_at: at, expires_at });
        self.credentials.insert(client.clone(), credentials);
        Ok(Accepted::Done)
    }

    pub(super) fn revoke_credentials(&mut self, client: &ClientName) -> Answer {
        if !self.clients.contains_key(client) {
            return Err(Rejection::ClientUnknown(client.clone()));
        }
        self.credentials.remove(client);
        Ok(Accepted::Done)
    }
}
