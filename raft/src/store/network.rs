//! openraft's way to its peers, over the [`Transport`].

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use openraft::error::{NetworkError, PayloadTooLarge, RPCError, RaftError, ReplicationClosed, Timeout, Unreachable};
use openraft::network::{Backoff, RPCOption};
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse};
use openraft::{AnyError, OptionalSend, RPCTypes, RaftNetwork, RaftNetworkFactory};

use super::message::{Refusal, Request, Response, SnapshotPiece, SnapshotProgress};
use super::records::encode;
use super::runtime::jitter;
use super::sender::{SendError, Sender};
use super::state::{Published, SnapshotData};
use super::types::{Member, Snapshot, TypeConfig, Vote};
use crate::ids::ProxyId;
use crate::transport::{Transport, TransportError};

/// By how much fewer entries are sent to a member that has not answered in time: a few steps from the most to one, before its election time-out.
const FEWER: u64 = 4;

/// Makes links to peers.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) me: ProxyId,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) published: Arc<Published>,
    pub(crate) heartbeat: Duration,
    /// The term in which this member was called upon to succeed the leader.
    pub(crate) succeeding: Arc<AtomicU64>,
    /// Whether a voter has refused this member its vote because it has more of the log.
    pub(crate) outranked: Arc<AtomicBool>,
}

impl Network {
    /// The way of the member `me` to its peers.
    pub(crate) fn new(me: ProxyId, heartbeat: Duration, transport: Arc<dyn Transport>, published: Arc<Published>) -> Self {
        Self { me, transport, published, heartbeat, succeeding: Arc::default(), outranked: Arc::default() }
    }

    /// Where a member is reached: what it said last of itself, or what the log says of it.
    pub(crate) fn address(&self, target: ProxyId, logged: &str) -> String {
        let table = self.published.table();
        table.proxy(target).map(|proxy| proxy.peer_address.as_str()).filter(|known| !known.is_empty()).unwrap_or(logged).to_owned()
    }

    /// One request and its answer.
    pub(crate) async fn call(
        &self,
        target: ProxyId,
        logged: &str,
        request: &Request,
        deadline: Duration,
    ) -> Result<Response, TransportError> {
        #[cfg(simulation)]
        super::promises::sent(self.me, request);
        let address = self.address(target, logged);
        let call = self.transport.call(target, &address, Bytes::from(encode(request)), deadline);
        // The transport keeps the deadline too; the store does not depend on that.
        let answer = tokio::time::timeout(deadline, call).await.map_err(|_| TransportError::Deadline { target, deadline })??;
        postcard::from_bytes(&answer).map_err(|error| TransportError::Lost { target, reason: format!("a garbled answer: {error}") })
    }
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Link;

    async fn new_client(&mut self, target: ProxyId, node: &Member) -> Link {
        Link { network: self.clone(), target, address: node.address.clone() }
    }
}

/// The way to one peer.
#[derive(Clone)]
pub(crate) struct Link {
    network: Network,
    target: ProxyId,
    address: String,
}

type RpcError<E> = RPCError<ProxyId, Member, RaftError<ProxyId, E>>;

impl Link {
    async fn call<E: std::error::Error>(&self, action: RPCTypes, request: Request, option: RPCOption) -> Result<Response, RpcError<E>> {
        let answer = self.network.call(self.target, &self.address, &request, option.hard_ttl()).await;
        answer.map_err(|error| match error {
            TransportError::Unreachable { .. } => RPCError::Unreachable(Unreachable::new(&error)),
            TransportError::Lost { .. } => RPCError::Network(NetworkError::new(&error)),
            TransportError::Deadline { target, deadline } => {
                RPCError::Timeout(Timeout { action, id: self.network.me, target, timeout: deadline })
            }
        })
    }

    /// Sends a piece of a snapshot.
    pub(super) async fn send_piece(&self, piece: SnapshotPiece, deadline: Duration) -> Result<SnapshotProgress, SendError> {
        match self.network.call(self.target, &self.address, &Request::InstallSnapshot(piece), deadline).await {
            Ok(Response::InstallSnapshot(progress)) => Ok(progress),
            Ok(Response::Refused(refusal)) => Err(Unreachable::new(&refusal).into()),
            Ok(Response::Append(_) | Response::Vote(_) | Response::Leader(_) | Response::Pong | Response::Campaigning) => {
                Err(NetworkError::new(&AnyError::error("the answer is to another request")).into())
            }
            Err(error @ TransportError::Unreachable { .. }) => Err(Unreachable::new(&error).into()),
            Err(error @ TransportError::Lost { .. }) => Err(NetworkError::new(&error).into()),
            Err(TransportError::Deadline { target, deadline }) => {
                Err(Timeout { action: RPCTypes::InstallSnapshot, id: self.network.me, target, timeout: deadline }.into())
            }
        }
    }

    /// Leaves a peer that could not be reached alone for a while.
    pub(super) async fn pause(&self) {
        tokio::time::sleep(pause(self.network.heartbeat)).await;
    }

    /// The error for an answer that is none to what was asked.
    fn unexpected<E: std::error::Error>(&self, response: Response) -> RpcError<E> {
        match response {
            // Its disk is full, or it is about to end: openraft waits before it tries such a member again.
            Response::Refused(Refusal::Stopped) => RPCError::Unreachable(Unreachable::new(&Refusal::Stopped)),
            Response::Refused(refusal) => RPCError::Network(NetworkError::new(&refusal)),
            Response::Append(_)
            | Response::Vote(_)
            | Response::InstallSnapshot(_)
            | Response::Leader(_)
            | Response::Pong
            | Response::Campaigning => RPCError::Network(NetworkError::new(&AnyError::error("the answer is to another request"))),
        }
    }
}

impl RaftNetwork<TypeConfig> for Link {
    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<ProxyId>, RpcError<openraft::error::Infallible>> {
        let entries = rpc.entries.len() as u64;
        // openraft gives up at the hard limit, without asking for less.
        let option = RPCOption::new(option.hard_ttl() * 9 / 10);
        let response = match self.call(RPCTypes::AppendEntries, Request::Append(rpc), option).await {
            // What does not arrive within a heartbeat is broken off and begun anew: over a long way a request of several round trips would never arrive.
            Err(RPCError::Timeout(_)) if entries > 1 => return Err(PayloadTooLarge::new_entries_hint((entries / FEWER).max(1)).into()),
            response => response?,
        };
        if let Response::Append(answer) = response {
            return Ok(answer);
        }
        Err(self.unexpected(response))
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<ProxyId>,
        option: RPCOption,
    ) -> Result<VoteResponse<ProxyId>, RpcError<openraft::error::Infallible>> {
        let succeeds = self.network.succeeding.load(Ordering::Relaxed) == rpc.vote.leader_id().term;
        let own = rpc.last_log_id;
        let request = if succeeds { Request::Succeed(rpc) } else { Request::Vote(rpc) };
        let response = self.call(RPCTypes::Vote, request, option).await?;
        if let Response::Vote(answer) = response {
            if !answer.vote_granted && answer.last_log_id > own {
                self.network.outranked.store(true, Ordering::Relaxed);
            }
            return Ok(answer);
        }
        Err(self.unexpected(response))
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<ProxyId>, SendError> {
        match *snapshot.snapshot {
            SnapshotData::Stored(stored) => Sender::new(self.clone(), vote, stored, option.hard_ttl()).run(cancel).await,
            SnapshotData::Awaited | SnapshotData::Received(..) => {
                Err(Unreachable::new(&AnyError::error("only a snapshot on the disk is sent")).into())
            }
        }
    }

    fn backoff(&self) -> Backoff {
        let heartbeat = self.network.heartbeat;
        Backoff::new(std::iter::repeat_with(move || pause(heartbeat)))
    }
}

/// How long a peer that could not be reached is left alone.
fn pause(heartbeat: Duration) -> Duration {
    heartbeat / 2 + jitter(heartbeat / 2)
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use openraft::{CommittedLeaderId, EntryPayload};

    use super::super::types::{Entry, LogId};
    use super::*;

    /// A way over which a request takes a heartbeat for each so many bytes, there and back.
    struct Narrow {
        bytes: usize,
        each: Duration,
    }

    #[async_trait]
    impl Transport for Narrow {
        async fn call(&self, _: ProxyId, _: &str, request: Bytes, _: Duration) -> Result<Bytes, TransportError> {
            tokio::time::sleep(self.each * u32::try_from(request.len() / self.bytes).unwrap_or(u32::MAX)).await;
            Ok(Bytes::from(encode(&Response::Append(AppendEntriesResponse::Success))))
        }
    }

    fn request(entries: u64) -> AppendEntriesRequest<TypeConfig> {
        let log_id = |index| LogId::new(CommittedLeaderId::new(1, ProxyId(1)), index);
        let entries = (0..entries).map(|index| Entry { log_id: log_id(index), payload: EntryPayload::Blank }).collect();
        AppendEntriesRequest { vote: Vote::new_committed(1, ProxyId(1)), prev_log_id: None, entries, leader_commit: None }
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_arrive_within_a_heartbeat_is_sent_in_smaller_pieces() {
        let heartbeat = Duration::from_millis(150);
        let transport = Arc::new(Narrow { bytes: 200, each: Duration::from_millis(100) });
        let network = Network::new(ProxyId(1), heartbeat, transport, Arc::default());
        let mut link = Link { network, target: ProxyId(2), address: String::new() };
        let mut sent = 300;
        for tries in 0.. {
            assert!(tries < 6, "a few tries, or the member stands for election: {sent}");
            match link.append_entries(request(sent), RPCOption::new(heartbeat)).await {
                Ok(answer) => {
                    assert!(matches!(answer, AppendEntriesResponse::Success));
                    break;
                }
                Err(RPCError::PayloadTooLarge(fewer)) => sent = fewer.entries_hint(),
                Err(error) => panic!("{error}"),
            }
        }
        assert!(sent < 300);
        // One entry cannot be made smaller.
        let transport = Arc::new(Narrow { bytes: 1, each: heartbeat });
        link.network = Network::new(ProxyId(1), heartbeat, transport, Arc::default());
        let alone = link.append_entries(request(1), RPCOption::new(heartbeat)).await;
        assert!(matches!(alone, Err(RPCError::Timeout(_))), "{alone:?}");
    }
}
