//! Changes for which there is no quorum are refused before they are begun: what is begun may still happen when it is back.

use warren_raft::{LeaseState, ReadError};

use super::parts::AdminParts;
use super::views;
use crate::api::Path;
use crate::failure::{Code, Failure, Stage};
use crate::http::{Method, Response};

/// Refuses what is to be recorded while this proxy knows that nothing can be: its lease is lost, and no leader is heard of for as long as an election takes.
///
/// # Errors
/// The answer, `no_quorum`.
pub(super) async fn is_there_for(parts: &AdminParts, (method, path): (&Method, Path)) -> Result<(), Box<Response>> {
    let is_led = matches!(*parts.store.lease().borrow(), LeaseState::Held(_));
    if is_led || method != Method::POST || !is_recorded(path) {
        return Ok(());
    }
    match parts.store.confirm(parts.store.election_time()).await {
        Err(error @ ReadError::NoQuorum(_)) => {
            let problem = views::status(parts).await.problems.into_iter().find(|problem| problem.code == Code::NoQuorum.as_str());
            let (cause, hint) = problem.map_or((None, None), |problem| (Some(problem.message), problem.hint));
            let failure = Failure::new(Code::NoQuorum, Stage::Store, "nothing was changed: there is no quorum");
            let failure = failure.with_cause(cause.unwrap_or_else(|| error.to_string()));
            Err(Response::failure(failure.with_hint(hint.unwrap_or_else(|| "`warren status`".to_owned()))).into())
        }
        // The change itself says what is wrong with the disk.
        Ok(_) | Err(ReadError::Disk(_) | ReadError::Stopped(_)) => Ok(()),
    }
}

/// Whether what is posted there is recorded, or asked of the leader, and has no answer of its own for there being none.
fn is_recorded(path: Path) -> bool {
    match path {
        Path::Tokens
        | Path::Revoke(_)
        | Path::AgentRemoval
        | Path::Allow
        | Path::ClientRemoval
        | Path::Credential
        | Path::CredentialRevocation
        | Path::Removal
        | Path::RemovalCheck
        | Path::Drain
        | Path::Resume
        | Path::Rotate
        | Path::Rollback
        | Path::RevokeSerial
        | Path::Transfer => true,
        Path::Strategy | Path::StrategyPlan => false,
        Path::Status
        | Path::Agents
        | Path::Clients
        | Path::Routes
        | Path::Raft
        | Path::Snapshot(_)
        | Path::Reload
        | Path::Authority
        | Path::Certificates => false,
    }
}
