//! `clients ls|allow|rm` and `agents rm`.

use std::time::Duration;

use warren_raft::table::Credential;
use warren_raft::{AgentName, ClientName, Command, KeyHash, ProposeError, Rejection, Table, Timestamp, Token};

use super::parts::AdminParts;
use crate::api::{
    AgentRemovalRequest, AgentRemovalView, AllowRequest, ClientRemovalRequest, ClientRemovalView, ClientRow, ClientView, ClientsView,
    CredentialRow, Declined, Schema, TokenText,
};
use crate::failure::{Code, Failure, Stage};
use crate::http::{Response, StatusCode};
use crate::net::Budget;

/// How long the cluster may take to record a change.
const COMMIT: Duration = Duration::from_secs(10);
/// How long this proxy may then take to know of it.
const APPLY: Duration = Duration::from_secs(2);

/// Every client.
pub(super) fn clients(table: &Table) -> ClientsView {
    ClientsView { schema: Schema, clients: table.clients().filter_map(|(name, _)| row(table, name)).collect() }
}

/// Replaces what a client may reach.
pub(super) async fn allow(parts: &AdminParts, body: &[u8]) -> Response {
    let AllowRequest { name, allow } = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => return Response::text(StatusCode::BAD_REQUEST, &format!("not a request to allow a client something: {error}")),
    };
    if let Err(response) = change(parts, Command::AllowClient { client: name.clone(), allow: allow.clone() }).await {
        return *response;
    }
    tracing::info!(client = %name, patterns = allow.len(), "what a client may reach was changed by an operator");
    match row(&parts.store.table(), &name) {
        Some(client) => Response::json(&ClientView { schema: Schema, client: ClientRow { allow, ..client } }),
        // Somebody has removed it since.
        None => no_client(&name),
    }
}

/// Removes a client.
pub(super) async fn remove_client(parts: &AdminParts, body: &[u8]) -> Response {
    let ClientRemovalRequest { name } = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => return Response::text(StatusCode::BAD_REQUEST, &format!("not a request to remove a client: {error}")),
    };
    let key = parts.store.table().client(&name).map(|client| client.key);
    match change(parts, Command::RemoveClient { client: name.clone() }).await {
        Ok(()) => {
            tracing::warn!(client = %name, "a client was removed by an operator");
            let tokens_left = tokens_left(&parts.store.table(), key, parts.env.wall.now());
            Response::json(&ClientRemovalView { schema: Schema, name, removed: true, tokens_left })
        }
        Err(response) => *response,
    }
}

/// Removes an agent.
pub(super) async fn remove_agent(parts: &AdminParts, body: &[u8]) -> Response {
    let AgentRemovalRequest { name } = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => return Response::text(StatusCode::BAD_REQUEST, &format!("not a request to remove an agent: {error}")),
    };
    let key = parts.store.table().agent(&name).map(|agent| agent.key);
    match change(parts, Command::RemoveAgent { agent: name.clone() }).await {
        Ok(()) => {
            tracing::warn!(agent = %name, "an agent was removed by an operator");
            let tokens_left = tokens_left(&parts.store.table(), key, parts.env.wall.now());
            Response::json(&AgentRemovalView { schema: Schema, name, removed: true, tokens_left })
        }
        Err(response) => *response,
    }
}

/// Has the cluster record a change, and waits a little until this proxy knows of it, so that it shows what was just done.
pub(super) async fn change(parts: &AdminParts, command: Command) -> Result<(), Box<Response>> {
    let committed = parts.store.propose(command, COMMIT).await.map_err(|error| Box::new(refused(&error)))?;
    let mut applied = parts.store.applied();
    // It holds for the cluster all the same.
    let _ = Budget::new(APPLY).run(applied.wait_for(|index| *index >= committed.index)).await;
    Ok(())
}

/// The tokens that the machine with this key has used and that admit further ones.
fn tokens_left(table: &Table, key: Option<KeyHash>, now: Timestamp) -> Vec<TokenText> {
    let Some(key) = key else { return Vec::new() };
    let admits = |token: &Token| !token.revoked && token.expires_at > now && (token.used_by.len() as u64) < u64::from(token.uses);
    table.tokens().filter(|(_, token)| token.used_by.contains(&key) && admits(token)).map(|(id, _)| TokenText(id)).collect()
}

fn row(table: &Table, name: &ClientName) -> Option<ClientRow> {
    let client = table.client(name)?;
    let credential = |known: &Credential| CredentialRow { issued_at: known.issued_at.into(), expires_at: known.expires_at.into() };
    Some(ClientRow {
        name: name.clone(),
        allow: client.allow.clone(),
        enrolled_at: client.enrolled_at.into(),
        key: client.key.to_string(),
        credentials: table.credentials(name).iter().map(credential).collect(),
    })
}

pub(super) fn no_client(name: &ClientName) -> Response {
    Response::declined(StatusCode::NOT_FOUND, Declined::new(format!("there is no client `{name}`"), "`warren clients ls` lists them"))
}

fn no_agent(name: &AgentName) -> Response {
    Response::declined(StatusCode::NOT_FOUND, Declined::new(format!("there is no agent `{name}`"), "`warren agents ls` lists them"))
}

fn refused(error: &ProposeError) -> Response {
    match error {
        ProposeError::Rejected(Rejection::ClientUnknown(name)) => no_client(name),
        ProposeError::Rejected(Rejection::AgentUnknown(name)) => no_agent(name),
        ProposeError::Rejected(_)
        | ProposeError::NoQuorum(_)
        | ProposeError::AboveLevel { .. }
        | ProposeError::QueueFull(_)
        | ProposeError::Disk(_)
        | ProposeError::Stopped(_) => Response::failure(not_recorded(error)),
    }
}

fn not_recorded(error: &ProposeError) -> Failure {
    let (code, what, hint) = match error {
        ProposeError::Rejected(Rejection::TooMany { .. }) | ProposeError::QueueFull(_) => {
            (Code::LimitReached, "the change was not recorded", "`warren status`")
        }
        ProposeError::Rejected(_) => (Code::Denied, "the change was not recorded", "`warren status`"),
        ProposeError::AboveLevel { .. } => {
            (Code::Denied, "the change was not recorded", "`warren raft status` shows which proxies are to be updated")
        }
        // It waits in a log, and a quorum that comes back may still commit it.
        ProposeError::NoQuorum(_) | ProposeError::Disk(_) | ProposeError::Stopped(_) => (
            Code::NoQuorum,
            "the change is not confirmed",
            "`warren status`; it may still happen: run it again when the cluster is healthy",
        ),
    };
    Failure::new(code, Stage::Store, what).with_cause(error.to_string()).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_is_told_why_nothing_was_recorded() {
        let above = ProposeError::AboveLevel {
            needed: warren_raft::Level(4),
            cluster: warren_raft::Level(3),
            held_back_by: vec!["p".parse().expect("a name")],
        };
        let table = [
            (ProposeError::QueueFull(8_192), Code::LimitReached),
            (ProposeError::NoQuorum(COMMIT), Code::NoQuorum),
            (ProposeError::Rejected(Rejection::TooMany { what: "patterns".to_owned(), limit: 256 }), Code::LimitReached),
            (above, Code::Denied),
        ];
        for (error, code) in table {
            let failure = not_recorded(&error);
            assert_eq!((failure.code(), failure.causes()), (code, [error.to_string()].as_slice()));
            assert!(failure.hint().is_some());
        }
        let unknown = ProposeError::Rejected(Rejection::ClientUnknown("x".parse().expect("a name")));
        assert_eq!(refused(&unknown).status, StatusCode::NOT_FOUND);
    }
}
