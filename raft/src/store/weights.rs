//! What the members' messages take, encoded: for simulations that count bytes and send none.

use bytes::Bytes;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse};
use openraft::{CommittedLeaderId, EntryPayload};

use super::message::{LeaderAnswer, LeaderRequest, Request, Response};
use super::records::encode;
use super::saved::Export;
use super::state::Image;
use super::types::{Entry, LogId, TypeConfig, Vote};
use crate::command::{Accepted, Answers, Proposal};
use crate::ids::{Epoch, Incarnation, ProxyId, Timestamp};
use crate::table::Table;

/// A leader in a group that has lived for a while.
const LEADER: ProxyId = ProxyId(57);
/// Its term.
const TERM: u64 = 7;
/// How long its log is.
const INDEX: u64 = 1_000_000;

/// Bytes of one message and of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weight {
    /// The request.
    pub request: u64,
    /// The answer.
    pub answer: u64,
}

impl Weight {
    fn of(request: &Request, answer: &Response) -> Self {
        Self { request: encode(request).len() as u64, answer: encode(answer).len() as u64 }
    }
}

/// A leader that shows itself.
pub fn heartbeat() -> Weight {
    append(Vec::new())
}

/// An entry on its way to one member, beside its proposal.
pub fn entry() -> Weight {
    let proposal = Proposal { proposer: LEADER, incarnation: Incarnation(1), number: 1, at: Timestamp(0), commands: Vec::new() };
    let bytes = encode(&proposal).len() as u64;
    let weight = append(vec![Entry { log_id: log_id(INDEX + 1), payload: EntryPayload::Normal(proposal) }]);
    Weight { request: weight.request - bytes, ..weight }
}

/// A proposal on its way to the leader, beside itself; and the answer for so many commands that were all accepted.
pub fn forwarded(commands: usize) -> Weight {
    let proposal = Proposal { proposer: LEADER, incarnation: Incarnation(1), number: 1, at: Timestamp(0), commands: Vec::new() };
    let bytes = encode(&proposal).len() as u64;
    let answers: Answers = vec![Ok(Accepted::Done); commands];
    let answer = Response::Leader(LeaderAnswer::Proposed { index: INDEX, answers });
    let weight = Weight::of(&Request::Leader(LeaderRequest::Propose(proposal)), &answer);
    Weight { request: weight.request - bytes, ..weight }
}

/// A lease that is renewed.
pub fn renewal() -> Weight {
    Weight::of(&Request::Leader(LeaderRequest::Renew(Epoch(INDEX))), &Response::Leader(LeaderAnswer::Renewed))
}

/// A snapshot of a table.
pub async fn snapshot(table: &Table) -> u64 {
    let image = Image { last_applied: Some(log_id(INDEX)), table: table.clone(), ..Image::default() };
    let (into, mut pieces) = tokio::sync::mpsc::channel::<Bytes>(1);
    let count = async {
        let mut bytes = 0;
        while let Some(piece) = pieces.recv().await {
            bytes += piece.len() as u64;
        }
        bytes
    };
    tokio::join!(Export::new(image).pour(into), count).1
}

fn append(entries: Vec<Entry>) -> Weight {
    let rpc = AppendEntriesRequest::<TypeConfig> {
        vote: Vote::new_committed(TERM, LEADER),
        prev_log_id: Some(log_id(INDEX)),
        entries,
        leader_commit: Some(log_id(INDEX)),
    };
    Weight::of(&Request::Append(rpc), &Response::Append(AppendEntriesResponse::Success))
}

fn log_id(index: u64) -> LogId {
    LogId::new(CommittedLeaderId::new(TERM, LEADER), index)
}
