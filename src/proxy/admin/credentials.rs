//! `clients credential`.

use std::time::Duration;

use warren_raft::{Command, Timestamp};

use super::machines::{change, no_client};
use super::parts::AdminParts;
use crate::api::{CredentialIssued, CredentialRequest, CredentialRevocationRequest, CredentialsRevoked, Schema};
use crate::http::{Response, StatusCode};
use crate::identity::ClientSecret;

/// Makes a further password for a client. The secret is in the answer, and nowhere else.
pub(super) async fn issue(parts: &AdminParts, body: &[u8]) -> Response {
    let request: CredentialRequest = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => return Response::text(StatusCode::BAD_REQUEST, &format!("not a request for a credential: {error}")),
    };
    if let Err(error) = request.check() {
        return Response::text(StatusCode::BAD_REQUEST, &error.to_string());
    }
    let CredentialRequest { name, ttl_ms } = request;
    let secret = ClientSecret::generate(&parts.env.entropy);
    let ttl = Duration::from_millis(ttl_ms);
    let now = parts.env.wall.now();
    let expires_at = Timestamp(now.0.saturating_add(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)));
    if let Err(response) = change(parts, Command::IssueCredential { client: name.clone(), secret: secret.hash(), expires_at }).await {
        return *response;
    }
    tracing::info!(client = %name, "a credential was issued by an operator");
    let secret = secret.reveal().to_string();
    Response::json(&CredentialIssued { schema: Schema, client: name, secret, expires_at: expires_at.into() })
}

/// Makes all passwords of a client worth nothing, and has what runs by them cut.
pub(super) async fn revoke(parts: &AdminParts, body: &[u8]) -> Response {
    let CredentialRevocationRequest { name } = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => return Response::text(StatusCode::BAD_REQUEST, &format!("not a request to revoke credentials: {error}")),
    };
    let table = parts.store.table();
    if table.client(&name).is_none() {
        return no_client(&name);
    }
    let revoked = table.credentials(&name).len() as u64;
    if let Err(response) = change(parts, Command::RevokeCredentials { client: name.clone() }).await {
        return *response;
    }
    tracing::warn!(client = %name, revoked, "credentials were revoked by an operator");
    Response::json(&CredentialsRevoked { schema: Schema, client: name, revoked })
}
