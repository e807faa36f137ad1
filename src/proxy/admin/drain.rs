//! `proxies drain|resume`.

use std::time::Duration;

use tokio::time::sleep;
use warren_raft::{Command, Drain, ProposeError, ProxyId, ProxyName, Rejection, Table};

use super::parts::AdminParts;
use super::transfer::{id_of, unknown};
use super::views;
use crate::api::{Declined, DrainRequest, DrainView, ProxyState, ResumeRequest};
use crate::failure::{Code, Failure, Stage};
use crate::http::{Response, StatusCode};
use crate::net::Budget;
use crate::proxy::handover::is_open;

/// How long the cluster may take to record a change.
const COMMIT: Duration = Duration::from_secs(10);

/// How long a proxy may take to hear that it is to take tunnels again; after that it is said that it has not.
const HEARD: Duration = Duration::from_secs(2);
/// How often it is asked whether it has.
const LOOK: Duration = Duration::from_millis(50);

/// What was asked of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Drain,
    Resume,
}

/// Has a proxy give its agents away; it begins as soon as it hears of it.
pub(super) async fn drain(parts: &AdminParts, body: &[u8]) -> Response {
    let DrainRequest { name, force } = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => return Response::text(StatusCode::BAD_REQUEST, &format!("not a request to drain a proxy: {error}")),
    };
    if !force && is_only(&parts.store.table(), &name) {
        return only(&name);
    }
    record(parts, &name, Verb::Drain).await
}

/// Has a proxy take tunnels again.
pub(super) async fn resume(parts: &AdminParts, body: &[u8]) -> Response {
    match serde_json::from_slice(body) {
        Ok(ResumeRequest { name }) => record(parts, &name, Verb::Resume).await,
        Err(error) => Response::text(StatusCode::BAD_REQUEST, &format!("not a request to resume a proxy: {error}")),
    }
}

async fn record(parts: &AdminParts, name: &ProxyName, verb: Verb) -> Response {
    let Some(proxy) = id_of(&parts.store.table(), name) else { return unknown(name) };
    let command = match verb {
        Verb::Drain => Command::DrainProxy { proxy, drain: Drain::Ordered },
        Verb::Resume => Command::ResumeProxy { proxy },
    };
    match parts.store.propose(command, COMMIT).await {
        Ok(_) => {
            match verb {
                Verb::Drain => tracing::info!(%proxy, %name, "an operator told a proxy to drain"),
                Verb::Resume => tracing::info!(%proxy, %name, "an operator told a proxy to resume"),
            }
            let heard = Budget::new(if verb == Verb::Resume { HEARD } else { Duration::ZERO });
            shown(parts, proxy, heard).await.map_or_else(|| unknown(name), |view| Response::json(&view))
        }
        Err(error) => refused(name, verb, &error),
    }
}

/// How the proxy does: if it was resumed, once it has heard of that, or when it has had the time to.
async fn shown(parts: &AdminParts, proxy: ProxyId, heard: Budget) -> Option<DrainView> {
    loop {
        let row = views::status(parts).await.proxies.into_iter().find(|row| row.id == proxy)?;
        let is_unheard = row.drain.is_none() && row.state == ProxyState::Draining;
        if !is_unheard || heard.left().is_zero() {
            return Some(DrainView::from(row));
        }
        sleep(LOOK).await;
    }
}

/// Whether no other proxy takes tunnels.
fn is_only(table: &Table, name: &ProxyName) -> bool {
    let is_known = table.proxies().any(|(_, proxy)| proxy.name == *name);
    is_known && !table.proxies().any(|(id, proxy)| proxy.name != *name && is_open(table, id, proxy))
}

fn only(name: &ProxyName) -> Response {
    let declined = Declined::new(
        format!("proxy `{name}` was not told to drain: no other proxy is up and takes tunnels, so its agents have nowhere to go"),
        format!("start or resume another one first: `warren proxies ls`; `warren proxies drain {name} --yes` does it all the same"),
    );
    Response::declined(StatusCode::CONFLICT, declined)
}

fn refused(name: &ProxyName, verb: Verb, error: &ProposeError) -> Response {
    let (code, hint) = match error {
        ProposeError::Rejected(Rejection::ProxyUnknown(_)) => return unknown(name),
        ProposeError::Rejected(Rejection::ProxyRemoved(_)) => {
            let declined = Declined::new(format!("proxy `{name}` was removed from the cluster"), "`warren proxies ls`");
            return Response::declined(StatusCode::CONFLICT, declined);
        }
        ProposeError::Rejected(_) => (Code::Denied, "`warren status`"),
        ProposeError::AboveLevel { .. } => (Code::Denied, "`warren raft status` shows which proxies are to be updated"),
        ProposeError::QueueFull(_) => (Code::LimitReached, "try again"),
        ProposeError::NoQuorum(_) | ProposeError::Disk(_) | ProposeError::Stopped(_) => {
            (Code::NoQuorum, "`warren status` says what is missing. A proxy that is stopped by TERM drains without a quorum, too")
        }
    };
    let what = match (verb, code) {
        (Verb::Drain, Code::NoQuorum) => format!("the drain of {name} is not confirmed; it may still begin when there is a quorum"),
        (Verb::Resume, Code::NoQuorum) => {
            format!("the end of the drain of {name} is not confirmed; it may still come when there is a quorum")
        }
        (Verb::Drain, _) => format!("{name} was not told to drain"),
        (Verb::Resume, _) => format!("{name} was not told to take tunnels again"),
    };
    Response::failure(Failure::new(code, Stage::Store, what).with_cause(error.to_string()).with_hint(hint))
}
