//! `token create|ls|revoke`.

use std::time::Duration;

use warren_raft::command::NewToken;
use warren_raft::{Command, ProposeError, Rejection, Table, Timestamp, TokenId, TokenRole};

use super::guard::asker;
use super::parts::AdminParts;
use crate::api::{RevokeView, Schema, TokenCreated, TokenRequest, TokenRow, TokenState, TokenText, TokensView, command_for};
use crate::audit::{Event, TokenAction, TokenEvent};
use crate::failure::{Code, Failure, Stage};
use crate::http::{Request, Response, StatusCode};
use crate::identity::Token;
use crate::identity::fingerprint::fingerprint;

/// How long the cluster may take to record a change.
const COMMIT: Duration = Duration::from_secs(10);

/// Creates a token and says how to use it.
pub(super) async fn create(parts: &AdminParts, asked: &Request) -> Response {
    let request: TokenRequest = match serde_json::from_slice(&asked.body) {
        Ok(request) => request,
        Err(error) => return Response::text(StatusCode::BAD_REQUEST, &format!("not a request for a token: {error}")),
    };
    if let Err(error) = request.check() {
        return Response::text(StatusCode::BAD_REQUEST, &error.to_string());
    }
    let table = parts.store.table();
    // The one that issues now will be trusted for longest.
    let Some(authority) = table.issuing_authority() else { return Response::failure(no_cluster()) };
    let token = Token::generate(&fingerprint(authority.certificate), &parts.env.entropy);
    let expires_at = Timestamp(parts.env.wall.now().0.saturating_add(request.ttl_ms));
    let limits_agents = request.role == TokenRole::Agent && !request.allow.is_empty();
    let new = NewToken {
        id: token.id(),
        secret: token.secret_hash(),
        role: request.role,
        name: request.name.clone(),
        allow: request.allow,
        expires_at,
        uses: request.uses,
    };
    let told = created(&new, asked);
    let command = if limits_agents { Command::CreateAgentToken(new) } else { Command::CreateToken(new) };
    let (response, event) = match parts.store.propose(command, COMMIT).await {
        Ok(_) => {
            let created = Response::json(&TokenCreated {
                schema: Schema,
                token: token.reveal().to_string(),
                id: TokenText(token.id()),
                role: request.role,
                expires_at: expires_at.into(),
                uses: request.uses,
                command: command_for(request.role, &request.name, &address(&table, parts)),
            });
            (created, told)
        }
        Err(error) => not_done(&error, told),
    };
    parts.env.audit.record(Event::Token(event));
    response
}

/// What the audit log has of a new token.
fn created(new: &NewToken, asked: &Request) -> TokenEvent {
    TokenEvent {
        role: Some(new.role.as_str().to_owned()),
        name: Some(new.name.to_string()),
        allow: new.allow.iter().map(ToString::to_string).collect(),
        uses: Some(new.uses),
        expires_at: Some(new.expires_at.into()),
        by: asker(asked),
        ..TokenEvent::of(TokenAction::Created, new.id)
    }
}

fn not_done(error: &ProposeError, told: TokenEvent) -> (Response, TokenEvent) {
    let failure = not_recorded(error, SHOWS);
    let told = TokenEvent { outcome: failure.code().as_str(), reason: Some(error.to_string()), ..told };
    (Response::failure(failure), told)
}

/// Every token, without its secret.
pub(super) fn list(parts: &AdminParts) -> TokensView {
    let (table, now) = (parts.store.table(), parts.env.wall.now());
    let tokens = table.tokens().map(|(id, token)| {
        let uses_left = token.uses.saturating_sub(u32::try_from(token.used_by.len()).unwrap_or(u32::MAX));
        let state = if token.revoked {
            TokenState::Revoked
        } else if uses_left == 0 {
            TokenState::Used
        } else if token.expires_at <= now {
            TokenState::Expired
        } else {
            TokenState::Valid
        };
        TokenRow {
            id: TokenText(id),
            role: token.role,
            name: token.name.clone(),
            allow: table.token_publishing(id).map_or(&token.allow, |publishing| &publishing.allow).clone(),
            created_at: token.created_at.into(),
            expires_at: token.expires_at.into(),
            uses: token.uses,
            uses_left,
            state,
        }
    });
    TokensView { schema: Schema, tokens: tokens.collect() }
}

/// Makes a token worth nothing.
pub(super) async fn revoke(parts: &AdminParts, id: TokenId, asked: &Request) -> Response {
    let told = TokenEvent { by: asker(asked), ..TokenEvent::of(TokenAction::Revoked, id) };
    let (response, event) = match parts.store.propose(Command::RevokeToken { id }, COMMIT).await {
        Ok(_) => (Response::json(&RevokeView { schema: Schema, id: TokenText(id), revoked: true }), told),
        Err(ProposeError::Rejected(Rejection::TokenUnknown)) => {
            let missing = Response::text(StatusCode::NOT_FOUND, &format!("there is no token `{id}`"));
            let outcome = missing.outcome();
            (missing, TokenEvent { outcome, ..told })
        }
        Err(error) => not_done(&error, told),
    };
    parts.env.audit.record(Event::Token(event));
    response
}

/// Where a new machine reaches this proxy.
fn address(table: &Table, parts: &AdminParts) -> String {
    let mine = table.proxy(parts.me).and_then(|proxy| proxy.public_addresses.first());
    mine.cloned().unwrap_or_else(|| "ADDR".to_owned())
}

pub(super) fn no_cluster() -> Failure {
    Failure::new(Code::NoQuorum, Stage::Store, "this proxy has not reached its cluster yet").with_hint("`warren status`")
}

/// Where to look whether a change has happened.
const SHOWS: &str = "`warren token ls`";

/// The failure of a change that was not recorded, or may yet be; `shows` says whether it is.
pub(super) fn not_recorded(error: &ProposeError, shows: &str) -> Failure {
    let code = match error {
        ProposeError::Rejected(Rejection::TooMany { .. }) | ProposeError::QueueFull(_) => Code::LimitReached,
        ProposeError::Rejected(_) | ProposeError::AboveLevel { .. } => Code::Denied,
        ProposeError::NoQuorum(_) | ProposeError::Disk(_) | ProposeError::Stopped(_) => Code::NoQuorum,
    };
    let (what, hint) = match error {
        // It waits in a log, and a quorum that comes back may still commit it.
        ProposeError::NoQuorum(_) | ProposeError::Disk(_) | ProposeError::Stopped(_) => {
            ("the change is not confirmed", format!("`warren status`; it may still happen: {shows} shows"))
        }
        ProposeError::AboveLevel { .. } => {
            ("the change was not recorded", "`warren raft status` shows which proxies are to be updated".to_owned())
        }
        ProposeError::Rejected(_) | ProposeError::QueueFull(_) => ("the change was not recorded", "`warren status`".to_owned()),
    };
    Failure::new(code, Stage::Store, what).with_cause(error.to_string()).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_is_told_why_nothing_was_recorded() {
        let table = [
            (ProposeError::QueueFull(8_192), Code::LimitReached),
            (ProposeError::NoQuorum(COMMIT), Code::NoQuorum),
            (ProposeError::Rejected(Rejection::TooMany { what: "tokens".to_owned(), limit: 1 }), Code::LimitReached),
            (ProposeError::Rejected(Rejection::TokenExists), Code::Denied),
        ];
        for (error, code) in table {
            let failure = not_recorded(&error, SHOWS);
            assert_eq!((failure.code(), failure.causes()), (code, [error.to_string()].as_slice()));
            assert!(failure.hint().is_some());
        }
    }
}
