//! `raft transfer-leader`.

use std::time::Duration;

use tokio::time::Instant;
use warren_raft::{NotHandedOver, ProxyId, ProxyName, Table, TransferError};

use super::parts::AdminParts;
use crate::api::{Declined, Schema, TransferRequest, TransferView};
use crate::failure::{Code, Failure, Stage};
use crate::http::{Response, StatusCode};

/// How long a leader may be looked for and may take.
const TRANSFER: Duration = Duration::from_secs(15);

/// Hands leadership over, wherever the leader is.
pub(super) async fn transfer(parts: &AdminParts, body: &[u8]) -> Response {
    let request: TransferRequest = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => return Response::text(StatusCode::BAD_REQUEST, &format!("not a request to transfer leadership: {error}")),
    };
    let to = match &request.to {
        None => None,
        Some(name) => match id_of(&parts.store.table(), name) {
            Some(id) => Some(id),
            None => return unknown(name),
        },
    };
    let begun = Instant::now();
    match parts.store.transfer_leadership(to, TRANSFER).await {
        Ok((from, to)) => {
            let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            let table = parts.store.table();
            match (name_of(&table, from), name_of(&table, to)) {
                (Some(from), Some(to)) => Response::json(&TransferView { schema: Schema, from, to, took_ms }),
                (_, _) => Response::text(StatusCode::INTERNAL_SERVER_ERROR, "leadership was handed over to a proxy that has left since"),
            }
        }
        Err(TransferError::Refused(reason)) => not_handed_over(request.to.as_ref(), &reason),
        Err(error @ (TransferError::NoLeader(_) | TransferError::Stopped(_))) => Response::failure(
            Failure::new(Code::NoQuorum, Stage::Store, "leadership was not handed over: there is no quorum")
                .with_cause(error.to_string())
                .with_hint("`warren status` says which proxies are down"),
        ),
    }
}

/// The answer for a name that no proxy has.
pub(super) fn unknown(name: &ProxyName) -> Response {
    Response::declined(StatusCode::NOT_FOUND, Declined::new(format!("there is no proxy `{name}`"), "`warren proxies ls` lists them"))
}

/// The id of the proxy with this name.
pub(super) fn id_of(table: &Table, name: &ProxyName) -> Option<ProxyId> {
    table.proxies().find(|(_, proxy)| proxy.name == *name).map(|(id, _)| id)
}

fn name_of(table: &Table, id: ProxyId) -> Option<ProxyName> {
    table.proxy(id).map(|proxy| proxy.name.clone())
}

fn not_handed_over(to: Option<&ProxyName>, reason: &NotHandedOver) -> Response {
    let (status, hint) = match reason {
        NotHandedOver::Leads => (StatusCode::CONFLICT, "without a name leadership goes to whichever voter is best prepared"),
        NotHandedOver::NoMember => (StatusCode::CONFLICT, "start it first: `warren proxies ls` shows how it is"),
        NotHandedOver::Learner => (StatusCode::CONFLICT, "choose a voter: `warren proxies ls` shows who votes"),
        NotHandedOver::Alone => (StatusCode::CONFLICT, "`warren join` on another machine adds a proxy, which votes after a while"),
        NotHandedOver::Down | NotHandedOver::Nobody => (StatusCode::SERVICE_UNAVAILABLE, "`warren status` says what is wrong with it"),
        NotHandedOver::Lagging(_) | NotHandedOver::Busy | NotHandedOver::Late => {
            (StatusCode::SERVICE_UNAVAILABLE, "the leader goes on to lead, or another one was elected: `warren status`, then try again")
        }
    };
    let whom = to.map(|name| format!(" to proxy `{name}`")).unwrap_or_default();
    Response::declined(status, Declined::new(format!("leadership was not handed over{whom}: {reason}"), hint))
}
