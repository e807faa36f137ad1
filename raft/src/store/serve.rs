//! Answers what other members ask.

use openraft::error::{CheckIsLeaderError, ClientWriteError, RaftError};
use openraft::raft::AppendEntriesResponse;
use tokio::time::{Instant, timeout};

use super::core::Core;
use super::error::Garbled;
use super::hand_over::Leaving;
use super::message::{LeaderAnswer, LeaderRequest, Refusal, Request, Response, SnapshotPiece, SnapshotProgress};
use super::types::Vote;
use crate::ids::ProxyId;
use crate::lease::Renewal;
use crate::{mutant, reached};

/// The answer of a member without an instance of openraft, or with one that is about to be taken out.
pub(crate) const STOPPED: Response = Response::Refused(Refusal::Stopped);

impl Core {
    /// Answers one request of the member `from`.
    pub(crate) async fn serve(&self, from: ProxyId, request: &[u8]) -> Result<Response, Garbled> {
        // A group that was given up must not be heard: its leader may be of a higher term than ours.
        if self.published.table().has_removed(from) {
            return Ok(Response::Refused(Refusal::Removed));
        }
        let Ok(request) = postcard::from_bytes(request) else {
            return self.misread(from, request).map(Response::Refused).ok_or(Garbled);
        };
        #[cfg(simulation)]
        let wanted = super::promises::wanted(&request);
        let response = self.answer(from, request).await?;
        #[cfg(simulation)]
        if let Some(wanted) = wanted {
            wanted.answered(self.config.id, &response);
        }
        Ok(response)
    }

    async fn answer(&self, from: ProxyId, request: Request) -> Result<Response, Garbled> {
        match request {
            Request::Append(rpc) => {
                spoken_by(from, &rpc.vote)?;
                let Ok(raft) = self.engine.raft() else { return Ok(STOPPED) };
                let answer = raft.append_entries(rpc).await;
                if answer.as_ref().is_ok_and(|answer| !matches!(answer, AppendEntriesResponse::HigherVote(_))) {
                    self.led.followed(Instant::now());
                }
                Ok(answer.map_or(STOPPED, Response::Append))
            }
            Request::Vote(rpc) => {
                spoken_by(from, &rpc.vote)?;
                let Ok(raft) = self.engine.raft() else { return Ok(STOPPED) };
                Ok(raft.vote(rpc).await.map_or(STOPPED, Response::Vote))
            }
            Request::Campaign(last) => Ok(self.campaign(from, last, Leaving::Waits).await),
            Request::Bequeath(last) => Ok(self.campaign(from, last, Leaving::Resigned).await),
            Request::Succeed(rpc) => {
                spoken_by(from, &rpc.vote)?;
                Ok(self.vote_for_successor(rpc).await)
            }
            Request::InstallSnapshot(piece) => {
                spoken_by(from, &piece.vote)?;
                Ok(self.receive(piece).await.map_or_else(Response::Refused, Response::InstallSnapshot))
            }
            Request::Leader(request) => {
                states(from, &request)?;
                let answer = if self.leads() { self.answer_in_time(from, request).await } else { self.relay(from, request).await };
                Ok(answer.map_or_else(Response::Refused, Response::Leader))
            }
            // Who cannot vote gives no sign of life: whoever asks counts votes to come.
            Request::Ping => Ok(self.engine.raft().map_or_else(Response::Refused, |_| Response::Pong)),
            Request::PreVote => Ok(self.pre_vote()),
            Request::Relayed { origin, request } => {
                states(origin, &request)?;
                Ok(self.answer_in_time(origin, request).await.map_or_else(Response::Refused, Response::Leader))
            }
        }
    }

    fn leads(&self) -> bool {
        self.engine.metrics().borrow().current_leader == Some(self.config.id)
    }

    fn pre_vote(&self) -> Response {
        let metrics = self.engine.metrics().borrow().clone();
        match self.engine.raft() {
            Err(refusal) => Response::Refused(refusal),
            Ok(_) if self.led.is_led(&metrics, Instant::now()) => Response::Refused(Refusal::Led),
            Ok(_) => Response::Pong,
        }
    }

    async fn receive(&self, piece: SnapshotPiece) -> Result<SnapshotProgress, Refusal> {
        let raft = self.engine.raft()?;
        let shelf = self.shelf.load_full().ok_or(Refusal::Stopped)?;
        let vote = piece.vote;
        let progress = self.receiver.take(&raft, &shelf, piece).await?;
        if progress.vote <= vote {
            self.led.followed(Instant::now());
        }
        Ok(progress)
    }

    async fn answer_in_time(&self, origin: ProxyId, request: LeaderRequest) -> Result<LeaderAnswer, Refusal> {
        timeout(self.attempt(), self.answer_as_leader(origin, request)).await.unwrap_or(Err(Refusal::NoQuorum))
    }

    /// Does what only the leader can; openraft says so if this member is not.
    pub(crate) async fn answer_as_leader(&self, origin: ProxyId, request: LeaderRequest) -> Result<LeaderAnswer, Refusal> {
        match request {
            LeaderRequest::Propose(_) if self.leases.is_deserted(Instant::now()) => Err(Refusal::NoQuorum),
            LeaderRequest::Propose(proposal) => {
                self.may_write(&proposal)?;
                let _shared = self.gate.read().await;
                let written = self.engine.raft()?.client_write(proposal).await.map_err(|error| match error {
                    RaftError::APIError(ClientWriteError::ForwardToLeader(_) | ClientWriteError::ChangeMembershipError(_)) => {
                        Refusal::NotLeader
                    }
                    RaftError::Fatal(_) => Refusal::Stopped,
                })?;
                reached!("raft.committed");
                #[cfg(simulation)]
                super::promises::acknowledged(&self.engine.metrics().borrow(), written.log_id.index);
                Ok(LeaderAnswer::Proposed { index: written.log_id.index, answers: written.data.0 })
            }
            LeaderRequest::ReadIndex if mutant!("stale_read") => Ok(LeaderAnswer::ReadIndex(*self.published.applied().borrow())),
            LeaderRequest::ReadIndex => {
                let (read, _) = self.engine.raft()?.get_read_log_id().await.map_err(|error| match error {
                    RaftError::APIError(CheckIsLeaderError::ForwardToLeader(_)) => Refusal::NotLeader,
                    RaftError::APIError(CheckIsLeaderError::QuorumNotEnough(_)) => Refusal::NoQuorum,
                    RaftError::Fatal(_) => Refusal::Stopped,
                })?;
                Ok(LeaderAnswer::ReadIndex(read.map_or(0, |id| id.index)))
            }
            // A successor may lead before this member knows, and what it grants then the successor would not know of.
            LeaderRequest::Renew(_) if self.gate.try_read().is_err() => Err(Refusal::NotLeader),
            LeaderRequest::Renew(epoch) => match self.leases.renew(origin, epoch, &self.published.table(), Instant::now()) {
                Some(Renewal::Granted) => Ok(LeaderAnswer::Renewed),
                Some(Renewal::Over) => Ok(LeaderAnswer::EpochOver),
                None => Err(Refusal::NotLeader),
            },
            LeaderRequest::HandOver { from, to } => self.hand_over_from(from, to).await,
            LeaderRequest::Remove(proxy) => self.may_remove(proxy).await.map(LeaderAnswer::Removable),
        }
    }
}

/// A member speaks for itself only.
fn spoken_by(from: ProxyId, vote: &Vote) -> Result<(), Garbled> {
    if vote.leader_id().voted_for() == Some(from) { Ok(()) } else { Err(Garbled) }
}

/// A proposal names who proposes.
fn states(origin: ProxyId, request: &LeaderRequest) -> Result<(), Garbled> {
    match request {
        LeaderRequest::Propose(proposal) if proposal.proposer != origin => Err(Garbled),
        LeaderRequest::Propose(_)
        | LeaderRequest::ReadIndex
        | LeaderRequest::Renew(_)
        | LeaderRequest::HandOver { .. }
        | LeaderRequest::Remove(_) => Ok(()),
    }
}
