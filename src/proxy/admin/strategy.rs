//! `strategy show|set`.

use std::sync::Arc;
use std::time::Duration;

use warren_raft::{Command, ProposeError, Rejection, Strategy, Table};

use super::outlook::Outlook;
use super::parts::AdminParts;
use super::tokens::no_cluster;
use crate::api::{Declined, StrategyPlan, StrategyRequest};
use crate::failure::{Code, Failure, Stage};
use crate::http::{Response, StatusCode};

/// How long the cluster may take to record a change.
const COMMIT: Duration = Duration::from_secs(10);
/// How long it may take to get a leader before a change is refused: an election fits in.
const QUORUM: Duration = Duration::from_secs(5);
/// How long the leader may take to confirm what is shown.
const CONFIRM: Duration = Duration::from_secs(2);

/// What the strategy is, and how far the agents are with it.
pub(super) async fn show(parts: &AdminParts) -> Response {
    let (table, confirmed) = newest(parts).await;
    let Some(cluster) = table.cluster() else { return Response::failure(no_cluster()) };
    Response::json(&Outlook::new(parts, &table, confirmed).await.shown(cluster.strategy))
}

/// What a change would do.
pub(super) async fn plan(parts: &AdminParts, body: &[u8]) -> Response {
    match planned(parts, body).await {
        Ok((_, _, plan)) => Response::json(&plan),
        Err(response) => *response,
    }
}

/// Changes it; every agent is told at once.
pub(super) async fn set(parts: &AdminParts, body: &[u8]) -> Response {
    // Without a quorum nothing comes of it, and what would be out of reach cannot be told.
    if let Err(error) = parts.store.confirm(QUORUM).await {
        return Response::failure(no_quorum().with_cause(error.to_string()));
    }
    let (request, (before, strategy), plan) = match planned(parts, body).await {
        Ok(planned) => planned,
        Err(response) => return *response,
    };
    if plan.wants_yes && !request.accept_cut_off {
        return Response::declined(StatusCode::CONFLICT, declined(&plan));
    }
    match parts.store.propose(Command::SetStrategy(strategy), COMMIT).await {
        Ok(_) => {
            tracing::info!(%strategy, %before, "the strategy was set by an operator");
            Response::json(&StrategyPlan { done: true, ..plan })
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

/// What is asked for, what the strategy is and is to be, and what that would do.
async fn planned(parts: &AdminParts, body: &[u8]) -> Result<(StrategyRequest, (Strategy, Strategy), StrategyPlan), Box<Response>> {
    let bad = |message: String| Box::new(Response::text(StatusCode::BAD_REQUEST, &message));
    let request: StrategyRequest =
        serde_json::from_slice(body).map_err(|error| bad(format!("not a request to set the strategy: {error}")))?;
    request.check().map_err(|error| bad(error.to_string()))?;
    let (table, confirmed) = newest(parts).await;
    let before = table.cluster().map(|cluster| cluster.strategy).ok_or_else(|| Box::new(Response::failure(no_cluster())))?;
    let strategy = request.strategy(before).map_err(|error| bad(error.to_string()))?;
    let plan = Outlook::new(parts, &table, confirmed).await.planned(before, strategy);
    Ok((request, (before, strategy), plan))
}

fn declined(plan: &StrategyPlan) -> Declined {
    let through: Vec<_> =
        plan.cut_off.iter().filter(|row| row.agents_then > row.agents_now).map(|row| format!("`{}`", row.through)).collect();
    Declined::new(
        format!("the strategy was not changed: agents would be out of reach through {}", through.join(", ")),
        "`--dry-run` says which proxies do not reach each other, `--yes` changes it all the same",
    )
}

fn no_quorum() -> Failure {
    Failure::new(Code::NoQuorum, Stage::Store, "the strategy was not changed: there is no quorum").with_hint("`warren status`")
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
