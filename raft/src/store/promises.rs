//! What the messages of a member promise: told as they leave it.

use openraft::ServerState;
use openraft::raft::AppendEntriesResponse;

use super::message::{Request, Response};
use super::state::Image;
use super::state::codec::Encoder;
use super::types::{LogId, Metrics, Vote};
use crate::fault::{EntryId, Observation, Stand, observed};
use crate::ids::{Incarnation, ProxyId};

/// What a request wants to be promised.
pub(crate) enum Wanted {
    /// A vote.
    Vote(Vote),
    /// To follow, and to have these entries.
    Append(Vote, Vec<EntryId>),
}

/// What `request` wants to be promised, if anything.
pub(crate) fn wanted(request: &Request) -> Option<Wanted> {
    match request {
        Request::Vote(rpc) | Request::Succeed(rpc) => Some(Wanted::Vote(rpc.vote)),
        Request::Append(rpc) => Some(Wanted::Append(rpc.vote, rpc.entries.iter().map(|entry| entry.log_id.into()).collect())),
        Request::InstallSnapshot(_)
        | Request::Leader(_)
        | Request::Relayed { .. }
        | Request::Ping
        | Request::PreVote
        | Request::Campaign(_)
        | Request::Bequeath(_) => None,
    }
}

impl Wanted {
    /// The member gives this answer.
    pub(crate) fn answered(self, member: ProxyId, response: &Response) {
        match (self, response) {
            (Self::Vote(vote), Response::Vote(answer)) if answer.vote_granted => voted(member, vote),
            (Self::Append(vote, entries), Response::Append(AppendEntriesResponse::Success)) => {
                voted(member, vote);
                observed(&Observation::Appended { member, term: vote.leader_id().term, entries });
            }
            (Self::Vote(_) | Self::Append(..), _) => {}
        }
    }
}

/// The member sends this request.
pub(crate) fn sent(member: ProxyId, request: &Request) {
    match request {
        // A candidate votes for itself.
        Request::Vote(rpc) | Request::Succeed(rpc) => voted(member, rpc.vote),
        Request::Append(rpc) => {
            voted(member, rpc.vote);
            if let Some(committed) = rpc.leader_commit {
                observed(&Observation::Committed { member, entry: committed.into() });
            }
        }
        Request::InstallSnapshot(_)
        | Request::Leader(_)
        | Request::Relayed { .. }
        | Request::Ping
        | Request::PreVote
        | Request::Campaign(_)
        | Request::Bequeath(_) => {}
    }
}

fn voted(member: ProxyId, vote: Vote) {
    observed(&Observation::Voted { member, term: vote.leader_id().term, candidate: vote.leader_id().node_id });
}

/// A leader tells a proposer that the entry at this index is committed.
pub(crate) fn acknowledged(metrics: &Metrics, index: u64) {
    let voters = metrics.membership_config.membership().get_joint_config().clone();
    observed(&Observation::Acknowledged { member: metrics.id, index, voters });
}

/// A member shows this state.
pub(crate) fn applied(member: ProxyId, image: &Image) {
    let Some(last) = image.last_applied else { return };
    let mut state = crc32fast::Hasher::new();
    Encoder::new(image).for_each(|piece: Vec<u8>| state.update(&piece));
    observed(&Observation::Applied { member, entry: last.into(), state: state.finalize() });
}

/// A member says this of itself.
pub(crate) fn stands(metrics: &Metrics, opened: Incarnation) {
    let index = |id: Option<LogId>| id.map_or(0, |id| id.index);
    observed(&Observation::Stands(Stand {
        member: metrics.id,
        opened,
        term: metrics.current_term,
        leads: metrics.state == ServerState::Leader,
        last: metrics.last_log_index.unwrap_or_default(),
        applied: index(metrics.last_applied),
        snapshot: index(metrics.snapshot),
        purged: index(metrics.purged),
    }));
}
