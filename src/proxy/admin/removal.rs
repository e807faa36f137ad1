//! `proxies rm`.

use std::time::Duration;

use warren_raft::{ProposeError, ProxyId, Rejection, RemoveError};

use super::parts::AdminParts;
use super::transfer::{id_of, unknown};
use crate::api::{Declined, RemovalRequest, RemovalView, Schema};
use crate::failure::{Code, Failure, Stage};
use crate::http::{Response, StatusCode};
use crate::net::Budget;

/// How long the cluster may take to record the removal.
const COMMIT: Duration = Duration::from_secs(10);
/// How long the proxy may then take to leave the group.
const LEAVE: Duration = Duration::from_secs(15);

/// Removes a proxy, and waits until it has left.
pub(super) async fn remove(parts: &AdminParts, body: &[u8]) -> Response {
    let RemovalRequest { name } = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => return Response::text(StatusCode::BAD_REQUEST, &format!("not a request to remove a proxy: {error}")),
    };
    let Some(id) = id_of(&parts.store.table(), &name) else { return unknown(&name) };
    match parts.store.remove_proxy(id, COMMIT).await {
        Ok(()) => {
            tracing::warn!(proxy = %id, %name, "a proxy was removed by an operator");
            // It will not hear of its own end, and says what it knows.
            let gone = id != parts.me && Budget::new(LEAVE).run(left(parts, id)).await.is_ok();
            Response::json(&RemovalView { schema: Schema, id, name, gone })
        }
        Err(RemoveError::Refused(reason)) => Response::declined(
            StatusCode::CONFLICT,
            Declined::new(
                format!("proxy `{name}` was not removed: {reason}"),
                "bring the voters that are down back first, or remove those: `warren status`",
            ),
        ),
        Err(RemoveError::Propose(ProposeError::Rejected(Rejection::LastProxy))) => Response::declined(
            StatusCode::CONFLICT,
            Declined::new(format!("proxy `{name}` is the only one that stays"), "`warren join` on another machine adds a proxy first"),
        ),
        Err(RemoveError::Propose(ProposeError::Rejected(Rejection::ProxyUnknown(_)))) => unknown(&name),
        Err(RemoveError::Propose(error)) => Response::failure(not_removed(&error)),
    }
}

/// Waits until the proxy is not in the table any more.
async fn left(parts: &AdminParts, id: ProxyId) {
    let mut applied = parts.store.applied();
    while parts.store.table().proxy(id).is_some() {
        if applied.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

fn not_removed(error: &ProposeError) -> Failure {
    let (code, hint) = match error {
        ProposeError::Rejected(_) => (Code::Denied, "`warren status`"),
        ProposeError::AboveLevel { .. } => (Code::Denied, "`warren raft status` shows which proxies are to be updated"),
        ProposeError::QueueFull(_) => (Code::LimitReached, "try again"),
        ProposeError::NoQuorum(_) | ProposeError::Disk(_) | ProposeError::Stopped(_) => (
            Code::NoQuorum,
            "start the voters that are down: `warren status`. If they are lost for good, stop this proxy and run `warren raft recover` on it: \
             it takes all others out of the cluster",
        ),
    };
    Failure::new(code, Stage::Store, "the removal is not confirmed").with_cause(error.to_string()).with_hint(hint)
}
