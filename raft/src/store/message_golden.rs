//! The bytes of every message and stored record of openraft's, for good.

use bytes::Bytes;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, VoteRequest, VoteResponse};
use openraft::{CommittedLeaderId, EntryPayload};

use super::hand_over::NotHandedOver;
use super::message::{LeaderAnswer, LeaderRequest, Received, Refusal, Request, Response, SnapshotPiece, SnapshotProgress};
use super::types::{Entry, LogId, Member, TypeConfig, Vote};
use crate::command::{Accepted, Command, Proposal};
use crate::golden::{Variants, check, check_variants, variants};
use crate::ids::{Epoch, Incarnation, Level, ProxyId, Timestamp, TokenId};
use crate::membership::NotRemovable;

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
    let payloads = variants!(EntryPayload<TypeConfig> {
        0 => EntryPayload::Blank,
        1 => EntryPayload::Normal(_),
        2 => EntryPayload::Membership(_),
    });
    check_variants(&payloads, entries().iter().map(|entry| &entry.payload));
    check(&[None, Some(log_id(300))], COMMITTED);
    check(&[Level(2)], &["02"]);
    check(&[Incarnation(300)], &["ac02"]);
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
        Request::PreVote,
        Request::Campaign(log_id(300)),
        Request::Succeed(VoteRequest { vote: Vote::new(4, ProxyId(2)), last_log_id: Some(log_id(2)) }),
        Request::Bequeath(log_id(300)),
        Request::Leader(LeaderRequest::HandOver { from: ProxyId(1), to: None }),
        Request::Leader(LeaderRequest::HandOver { from: ProxyId(1), to: Some(ProxyId(2)) }),
        Request::Leader(LeaderRequest::Remove(ProxyId(2))),
    ];
    check(&requests, REQUESTS);
    let all = variants!(Request {
        0 => Request::Append(_),
        1 => Request::Vote(_),
        2 => Request::InstallSnapshot(_),
        3 => Request::Leader(_),
        4 => Request::Relayed { .. },
        5 => Request::Ping,
        6 => Request::Campaign(_),
        7 => Request::Succeed(_),
        8 => Request::Bequeath(_),
        9 => Request::PreVote,
    });
    check_variants(&all, &requests);
    assert_eq!(all.numbers.len() as u32, Request::KINDS, "what is beyond is refused as unknown");
    let of_leader = variants!(LeaderRequest {
        0 => LeaderRequest::Propose(_),
        1 => LeaderRequest::ReadIndex,
        2 => LeaderRequest::Renew(_),
        3 => LeaderRequest::HandOver { .. },
        4 => LeaderRequest::Remove(_),
    });
    check_variants(
        &of_leader,
        requests.iter().filter_map(|request| if let Request::Leader(request) = request { Some(request) } else { None }),
    );
    assert_eq!(of_leader.numbers.len() as u32, Request::LEADER_KINDS, "what is beyond is refused as unknown");
}

#[test]
fn the_bytes_of_progress() {
    let received = variants!(Received {
        0 => Received::Before(_),
        1 => Received::All,
    });
    let values = [Received::Before(300), Received::All];
    check_variants(&received, &values);
    check(&values, &["00ac02", "01"]);
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
        Response::Refused(Refusal::Led),
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
        Response::Leader(LeaderAnswer::Removable(Ok(()))),
        Response::Leader(LeaderAnswer::Removable(Err(NotRemovable::NoMajority { up: 1, voters: 2 }))),
    ];
    check(&responses, RESPONSES);
    check_variants(&response_numbers(), &responses);
    check_variants(
        &appended(),
        responses.iter().filter_map(|response| if let Response::Append(answer) = response { Some(answer) } else { None }),
    );
    let of_leader = responses.iter().filter_map(|response| if let Response::Leader(answer) = response { Some(answer) } else { None });
    check_variants(&leader_answers(), of_leader.clone());
    let not_removable =
        of_leader.clone().filter_map(|answer| if let LeaderAnswer::Removable(Err(why)) = answer { Some(why) } else { None });
    check_variants(&variants!(NotRemovable { 0 => NotRemovable::NoMajority { .. } }), not_removable);
    let not_handed_over = of_leader.filter_map(|answer| if let LeaderAnswer::HandedOver(Err(why)) = answer { Some(why) } else { None });
    check_variants(&not_handed_over_numbers(), not_handed_over);
    check_variants(
        &refusals(),
        responses.iter().filter_map(|response| if let Response::Refused(why) = response { Some(why) } else { None }),
    );
}

fn appended() -> Variants<AppendEntriesResponse<ProxyId>> {
    variants!(AppendEntriesResponse<ProxyId> {
        0 => AppendEntriesResponse::Success,
        1 => AppendEntriesResponse::PartialSuccess(_),
        2 => AppendEntriesResponse::Conflict,
        3 => AppendEntriesResponse::HigherVote(_),
    })
}

fn leader_answers() -> Variants<LeaderAnswer> {
    variants!(LeaderAnswer {
        0 => LeaderAnswer::Proposed { .. },
        1 => LeaderAnswer::ReadIndex(_),
        2 => LeaderAnswer::Renewed,
        3 => LeaderAnswer::EpochOver,
        4 => LeaderAnswer::HandedOver(_),
        5 => LeaderAnswer::Removable(_),
    })
}

fn response_numbers() -> Variants<Response> {
    variants!(Response {
        0 => Response::Append(_),
        1 => Response::Vote(_),
        2 => Response::InstallSnapshot(_),
        3 => Response::Leader(_),
        4 => Response::Refused(_),
        5 => Response::Pong,
        6 => Response::Campaigning,
    })
}

fn not_handed_over_numbers() -> Variants<NotHandedOver> {
    variants!(NotHandedOver {
        0 => NotHandedOver::Leads,
        1 => NotHandedOver::NoMember,
        2 => NotHandedOver::Learner,
        3 => NotHandedOver::Down,
        4 => NotHandedOver::Lagging(_),
        5 => NotHandedOver::Alone,
        6 => NotHandedOver::Nobody,
        7 => NotHandedOver::Busy,
        8 => NotHandedOver::Late,
    })
}

fn refusals() -> Variants<Refusal> {
    variants!(Refusal {
        0 => Refusal::NotLeader,
        1 => Refusal::NoQuorum,
        2 => Refusal::Stopped,
        3 => Refusal::Snapshot(_),
        4 => Refusal::Removed,
        5 => Refusal::AboveLevel { .. },
        6 => Refusal::Unknown,
        7 => Refusal::Led,
    })
}

const ENTRIES: &[&str] = &["0301000201010102010468313a31020468323a31", "03010100", "030102010203040501070606060606060606"];
const VOTES: &[&str] = &["030101", "040200"];
const COMMITTED: &[&str] = &["00", "010301ac02"];
const REQUESTS: &[&str] = &[
    "0003010100030301000201010102010468313a31020468323a310301010003010201020304050107060606060606060601030100",
    "0103010101030102",
    "0203010101030102ac02020102",
    "03000203040501070606060606060606",
    "0301",
    "030207",
    "040301",
    "05",
    "09",
    "060301ac02",
    "0704020001030102",
    "080301ac02",
    "03030100",
    "0303010102",
    "030402",
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
    "0407",
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
    "030500",
    "030501000102",
];
