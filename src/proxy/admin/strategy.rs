//! `strategy show|set`.

use std::sync::Arc;
use std::time::Duration;

use warren_raft::{Command, ProposeError, Rejection, Strategy, Table};

use super::parts::AdminParts;
use super::tokens::no_cluster;
use super::views;
use crate::api::{ProxyTunnels, Schema, StrategyRequest, StrategySet, StrategyShown};
use crate::failure::{Code, Failure, Stage};
use crate::http::{Response, StatusCode};

/// How long the cluster may take to record a change.
const COMMIT: Duration = Duration::from_secs(10);
/// How long the leader may take to confirm what is shown.
const CONFIRM: Duration = Duration::from_secs(2);

/// What there is, and how far the agents are with it.
pub(super) async fn show(parts: &AdminParts) -> Response {
    let (table, confirmed) = newest(parts).await;
    let Some(cluster) = table.cluster() else { return Response::failure(no_cluster()) };
    let status = views::status(parts).await;
    let proxies: Vec<_> =
        status.proxies.into_iter().map(|row| ProxyTunnels { name: row.name, state: row.state, tunnels: row.agents }).collect();
    let wanted = cluster.strategy.wanted(table.proxies().filter(|(_, proxy)| proxy.epoch.is_some()).count());
    Response::json(&StrategyShown { schema: Schema, strategy: cluster.strategy.into(), wanted: wanted as u64, confirmed, proxies })
}

/// Changes it; every agent is told at once.
pub(super) async fn set(parts: &AdminParts, body: &[u8]) -> Response {
    let table = parts.store.table();
    let (before, strategy) = match asked(&table, body) {
        Ok(asked) => asked,
        Err(response) => return *response,
    };
    match parts.store.propose(Command::SetStrategy(strategy), COMMIT).await {
        Ok(_) => {
            tracing::info!(%strategy, %before, "the strategy was set by an operator");
            Response::json(&StrategySet { schema: Schema, strategy: strategy.into(), before: before.into() })
        }
        Err(error) => Response::failure(not_set(&error)),
    }
}

/// The table with everything that was acknowledged before, if a leader confirms it in time, and whether it does.
async fn newest(parts: &AdminParts) -> (Arc<Table>, bool) {
    match parts.store.confirm(CONFIRM).await {
        Ok(table) => (table, true),
        Err(_) => (parts.store.table(), false),
    }
}

/// What it is and what it is to be.
fn asked(table: &Table, body: &[u8]) -> Result<(Strategy, Strategy), Box<Response>> {
    let bad = |message: String| Box::new(Response::text(StatusCode::BAD_REQUEST, &message));
    let request: StrategyRequest =
        serde_json::from_slice(body).map_err(|error| bad(format!("not a request to set the strategy: {error}")))?;
    let before = table.cluster().map(|cluster| cluster.strategy).ok_or_else(|| Box::new(Response::failure(no_cluster())))?;
    let strategy = request.strategy(before).map_err(|error| bad(error.to_string()))?;
    Ok((before, strategy))
}

fn not_set(error: &ProposeError) -> Failure {
    let (code, what, hint) = match error {
        ProposeError::NoQuorum(_) | ProposeError::Disk(_) | ProposeError::Stopped(_) => (
            Code::NoQuorum,
            "the change of strategy is not confirmed",
            "`warren status`; it may still happen when there is a quorum: `warren strategy show` shows",
        ),
        ProposeError::QueueFull(_) => (Code::LimitReached, "the strategy was not changed", "try again"),
        ProposeError::Rejected(Rejection::NoCluster) => (Code::NoQuorum, "the strategy was not changed", "`warren status`"),
        ProposeError::AboveLevel { .. } => {
            (Code::Denied, "the strategy was not changed", "`warren raft status` shows which proxies are to be updated")
        }
        ProposeError::Rejected(_) => (Code::Denied, "the strategy was not changed", "`warren status`"),
    };
    Failure::new(code, Stage::Store, what).with_cause(error.to_string()).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_is_told_why_nothing_was_changed() {
        let table = [
            (ProposeError::QueueFull(8_192), Code::LimitReached),
            (ProposeError::NoQuorum(COMMIT), Code::NoQuorum),
            (ProposeError::Disk("no space left".to_owned()), Code::NoQuorum),
            (ProposeError::Rejected(Rejection::NoCluster), Code::NoQuorum),
        ];
        for (error, code) in table {
            let failure = not_set(&error);
            assert_eq!((failure.code(), failure.causes()), (code, [error.to_string()].as_slice()));
            assert!(failure.hint().is_some());
        }
    }
}
