//! The bytes of every message and stored record of openraft's, for good.

use bytes::Bytes;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, VoteRequest, VoteResponse};
use openraft::{CommittedLeaderId, EntryPayload};

use super::hand_over::NotHandedOver;
use super::message::{LeaderAnswer, LeaderRequest, Received, Refusal, Request, Response, SnapshotPiece, SnapshotProgress};
use super::types::{Entry, LogId, Member, Vote};
use crate::command::{Accepted, Command, Proposal};
use crate::golden::check;
use crate::ids::{Epoch, Incarnation, Level, ProxyId, Timestamp, TokenId};

fn log_id(index: u64) -> LogId {
    LogId::new(CommittedLeaderId::new(3, ProxyId(1)), index)
}

fn vote() -> Vote {
    Vote::new_committed(3, ProxyId(1))
}

fn proposal() -> Proposal {
    let commands = vec![Command::RevokeToken { id: TokenId([6; 8]) }];
    Proposal { proposer: ProxyId(2), incarnation: Incarnation(3), number: 4, at: Timestamp(5), commands }
}

fn membership() -> openraft::Membership<ProxyId, Member> {
    let node = |id: u64| (ProxyId(id), Member { address: format!("h{id}:1") });
    openraft::Membership::new(vec![[ProxyId(1)].into()], [node(1), node(2)].into_iter().collect::<std::collections::BTreeMap<_, _>>())
}

fn entries() -> Vec<Entry> {
    vec![
        Entry { log_id: log_id(0), payload: EntryPayload::Membership(membership()) },
        Entry { log_id: log_id(1), payload: EntryPayload::Blank },
        Entry { log_id: log_id(2), payload: EntryPayload::Normal(proposal()) },
    ]
}

#[test]
fn the_bytes_of_records() {
    check(&entries(), ENTRIES);
    check(&[vote(), Vote::new(4, ProxyId(2))], VOTES);
}

#[test]
fn the_bytes_of_requests() {
    let append = AppendEntriesRequest { vote: vote(), prev_log_id: None, entries: entries(), leader_commit: Some(log_id(0)) };
    let piece = SnapshotPiece { vote: vote(), last: Some(log_id(2)), number: 300, piece: Bytes::from_static(&[1, 2]) };
    let requests = [
        Request::Append(append),
        Request::Vote(VoteRequest { vote: vote(), last_log_id: Some(log_id(2)) }),
        Request::InstallSnapshot(piece),
        Request::Leader(LeaderRequest::Propose(proposal())),
        Request::Leader(LeaderRequest::ReadIndex),
        Request::Leader(LeaderRequest::Renew(Epoch(7))),
        Request::Relayed { origin: ProxyId(3), request: LeaderRequest::ReadIndex },
        Request::Ping,
        Request::Campaign(log_id(300)),
        Request::Succeed(VoteRequest { vote: Vote::new(4, ProxyId(2)), last_log_id: Some(log_id(2)) }),
        Request::Leader(LeaderRequest::HandOver { from: ProxyId(1), to: None }),
        Request::Leader(LeaderRequest::HandOver { from: ProxyId(1), to: Some(ProxyId(2)) }),
    ];
    check(&requests, REQUESTS);
}

#[test]
fn the_bytes_of_responses() {
    let responses = [
        Response::Append(AppendEntriesResponse::Success),
        Response::Append(AppendEntriesResponse::PartialSuccess(Some(log_id(2)))),
        Response::Append(AppendEntriesResponse::Conflict),
        Response::Append(AppendEntriesResponse::HigherVote(vote())),
        Response::Vote(VoteResponse { vote: vote(), vote_granted: true, last_log_id: Some(log_id(2)) }),
        Response::InstallSnapshot(SnapshotProgress { vote: vote(), received: Received::Before(300) }),
        Response::InstallSnapshot(SnapshotProgress { vote: vote(), received: Received::All }),
        Response::Leader(LeaderAnswer::Proposed { index: 300, answers: vec![Ok(Accepted::Done)] }),
        Response::Leader(LeaderAnswer::ReadIndex(300)),
        Response::Leader(LeaderAnswer::Renewed),
        Response::Leader(LeaderAnswer::EpochOver),
        Response::Refused(Refusal::NotLeader),
        Response::Refused(Refusal::NoQuorum),
        Response::Refused(Refusal::Stopped),
        Response::Refused(Refusal::Snapshot("s".to_owned())),
        Response::Refused(Refusal::Removed),
        Response::Refused(Refusal::AboveLevel { cluster: Level(2) }),
        Response::Refused(Refusal::Unknown),
        Response::Pong,
        Response::Campaigning,
        Response::Leader(LeaderAnswer::HandedOver(Ok(ProxyId(2)))),
        Response::Leader(LeaderAnswer::HandedOver(Err(NotHandedOver::Leads))),
        Response::Leader(LeaderAnswer::HandedOver(Err(NotHandedOver::NoMember))),
        Response::Leader(LeaderAnswer::HandedOver(Err(NotHandedOver::Learner))),
        Response::Leader(LeaderAnswer::HandedOver(Err(NotHandedOver::Down))),
        Response::Leader(LeaderAnswer::HandedOver(Err(NotHandedOver::Lagging(300)))),
        Response::Leader(LeaderAnswer::HandedOver(Err(NotHandedOver::Alone))),
        Response::Leader(LeaderAnswer::HandedOver(Err(NotHandedOver::Nobody))),
        Response::Leader(LeaderAnswer::HandedOver(Err(NotHandedOver::Busy))),
        Response::Leader(LeaderAnswer::HandedOver(Err(NotHandedOver::Late))),
    ];
    check(&responses, RESPONSES);
}

const ENTRIES: &[&str] = &["0301000201010102010468313a31020468323a31", "03010100", "030102010203040501070606060606060606"];
const VOTES: &[&str] = &["030101", "040200"];
const REQUESTS: &[&str] = &[
    "0003010100030301000201010102010468313a31020468323a310301010003010201020304050107060606060606060601030100",
    "0103010101030102",
    "0203010101030102ac02020102",
    "03000203040501070606060606060606",
    "0301",
    "030207",
    "040301",
    "05",
    "060301ac02",
    "0704020001030102",
    "03030100",
    "0303010102",
];
const RESPONSES: &[&str] = &[
    "0000",
    "000101030102",
    "0002",
    "0003030101",
    "010301010101030102",
    "0203010100ac02",
    "0203010101",
    "0300ac02010000",
    "0301ac02",
    "0302",
    "0303",
    "0400",
    "0401",
    "0402",
    "04030173",
    "0404",
    "040502",
    "0406",
    "05",
    "06",
    "03040002",
    "03040100",
    "03040101",
    "03040102",
    "03040103",
    "03040104ac02",
    "03040105",
    "03040106",
    "03040107",
    "03040108",
];
