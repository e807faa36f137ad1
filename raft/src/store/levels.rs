//! Two versions of warren side by side: what may be written, who raises the cluster's feature level, and what this member cannot read.
//!
//! It must *never* let a member go on that would apply the log in another way than the others.

use std::sync::Arc;

use tokio::time::{sleep, timeout};

use super::care::LEAST_TICK;
use super::core::Core;
use super::error::ProposeError;
use super::lease_desk::is_in_office;
use super::message::{Refusal, Request};
use super::proposer::Proposer;
use super::types::{Entry, Vote};
use crate::command::{Command, Proposal};
use crate::ids::{Level, ProxyId};

/// A cluster that this version of warren does not know enough for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cluster is at feature level {cluster} and this version of warren knows {known}: update warren on this machine")]
pub(crate) struct Outdated {
    /// The cluster's level.
    pub(crate) cluster: Level,
    /// The highest that is known here.
    pub(crate) known: Level,
}

impl Outdated {
    /// Refuses a level above `known`.
    pub(crate) fn check(cluster: Level, known: Level) -> Result<(), Self> {
        if cluster > known { Err(Self { cluster, known }) } else { Ok(()) }
    }
}

/// The level that an entry raises the cluster to, should it be committed.
pub(crate) fn raised_by(entry: &Entry) -> Option<Level> {
    let openraft::EntryPayload::Normal(proposal) = &entry.payload else { return None };
    proposal.commands.iter().filter_map(|command| if let Command::RaiseLevel { level } = command { Some(*level) } else { None }).max()
}

/// Raises the cluster's level, on the leader, as soon as every proxy knows a higher one.
pub(crate) async fn raise_level(core: Arc<Core>, proposer: Proposer) {
    let mut applied = core.published.applied();
    loop {
        // A busy table does not keep this task busy.
        sleep(LEAST_TICK).await;
        if let Ok(Err(_)) = timeout(core.config.election_timeout, applied.changed()).await {
            return;
        }
        let next = core.published.table().next_level();
        if let Some(level) = next.filter(|_| is_in_office(&core.engine.metrics().borrow())) {
            match proposer.propose(Command::RaiseLevel { level }, core.config.lease).await {
                Ok(_) => tracing::info!(%level, "every proxy knows the feature level: the cluster is raised to it"),
                Err(error) => tracing::debug!(%level, %error, "the feature level was not raised yet"),
            }
        }
    }
}

impl Core {
    /// Whether the cluster is at the level of the command, as far as this member knows.
    pub(crate) fn may_propose(&self, command: &Command) -> Result<(), ProposeError> {
        let (table, needed) = (self.published.table(), command.level());
        if needed <= table.level() {
            return Ok(());
        }
        let held_back_by = table.holding_back(needed).map(|(_, proxy)| proxy.name.clone()).collect();
        Err(ProposeError::AboveLevel { needed, cluster: table.level(), held_back_by })
    }

    /// The same for what another member wants to have written. One that has applied more than this leader tries again.
    pub(crate) fn may_write(&self, proposal: &Proposal) -> Result<(), Refusal> {
        let cluster = self.published.table().level();
        if proposal.commands.iter().any(|command| command.level() > cluster) { Err(Refusal::AboveLevel { cluster }) } else { Ok(()) }
    }

    /// What to do with a request that does not decode. One of a kind that a later version has added is refused; entries of the leader that
    /// this version cannot read end this member: it would lag behind for good, and nobody would know why.
    pub(crate) fn misread(&self, from: ProxyId, request: &[u8]) -> Option<Refusal> {
        let (kind, rest) = postcard::take_from_bytes::<u32>(request).ok()?;
        let is_leaders = |vote: Vote| vote.is_committed() && vote.leader_id().voted_for() == Some(from);
        match kind {
            Request::APPEND => {
                let (vote, _) = postcard::take_from_bytes(rest).ok()?;
                if !is_leaders(vote) || self.engine.metrics().borrow().current_leader != Some(from) {
                    return None;
                }
                self.failure.report(format!(
                    "proxy {from}, the leader, sends what this version of warren cannot read: update warren on this machine"
                ));
                Some(Refusal::Unknown)
            }
            Request::LEADER => is_later(rest, Request::LEADER_KINDS),
            Request::RELAYED => is_later(postcard::take_from_bytes::<u64>(rest).ok()?.1, Request::LEADER_KINDS),
            _ => is_later(request, Request::KINDS),
        }
    }
}

/// The refusal of a variant beyond the first `known`.
fn is_later(bytes: &[u8], known: u32) -> Option<Refusal> {
    let (kind, _) = postcard::take_from_bytes::<u32>(bytes).ok()?;
    (kind >= known).then_some(Refusal::Unknown)
}
