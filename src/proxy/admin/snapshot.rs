//! `raft snapshot save`.

use std::time::Duration;

use super::parts::AdminParts;
use super::tokens::no_cluster;
use crate::api::Freshness;
use crate::failure::{Code, Failure, Stage};
use crate::http::{Poured, Response};

/// Snapshots that are on their way out at the same time: each holds on to a version of the table.
pub(in crate::proxy) const MAX_AT_ONCE: usize = 2;
/// How long the leader may take to say up to where the state must go.
const CONFIRM: Duration = Duration::from_secs(10);

/// The state as a snapshot, piece by piece.
pub(super) async fn save(parts: &AdminParts, freshness: Freshness) -> Response {
    let Ok(permit) = parts.saves.clone().try_acquire_owned() else { return Response::failure(too_many()) };
    if freshness == Freshness::Confirmed
        && let Err(error) = parts.store.confirm(CONFIRM).await
    {
        return Response::failure(not_confirmed(&error.to_string()));
    }
    if parts.store.table().cluster().is_none() {
        return Response::failure(no_cluster());
    }
    let export = parts.store.export();
    tracing::info!(?export, ?freshness, "a snapshot with the authority's key is handed out");
    Response::poured(Poured::new(|into| async move {
        export.pour(into).await;
        drop(permit);
    }))
}

fn too_many() -> Failure {
    Failure::new(Code::LimitReached, Stage::Store, format!("{MAX_AT_ONCE} snapshots are being saved already"))
        .with_hint("try again when one of them is there")
}

fn not_confirmed(cause: &str) -> Failure {
    Failure::new(Code::NoQuorum, Stage::Store, "the state could not be confirmed to be the newest")
        .with_cause(cause)
        .with_hint("`warren status` says who is missing; `--stale` saves what this proxy knows")
}
