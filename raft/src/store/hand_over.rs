//! Hands leadership over to another voter: leadership transfer (Raft thesis, section 3.10), which openraft 0.9 lacks.
//!
//! ```text
//!   leader                                     successor                       every voter
//!   takes no proposals
//!   waits until the successor has all entries
//!   campaign(last entry) ------------------->  stands for election
//!                                              succeed(vote) ---------------->  drops the leader's lease, votes
//!   follows <--------------------------------- leads
//!   lets proposals go on to it
//! ```
//!
//! The leader gives nothing up before the successor is elected: heartbeats go on, so that a successor that does not stand leaves
//! everything as it was. It must *never* renew the lease of a proxy meanwhile: its successor may lead before its own lease is over.

use std::sync::atomic::Ordering;

use openraft::raft::{AppendEntriesRequest, VoteRequest};
use openraft::{CommittedLeaderId, ServerState};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout, timeout_at};

use super::care::CAUGHT_UP;
use super::core::Core;
use super::heirs::heirs;
use super::lease_desk::is_in_office;
use super::message::{LeaderAnswer, Refusal, Request, Response};
use super::serve::STOPPED;
use super::types::{LogId, Metrics};
use crate::ids::ProxyId;
use crate::reached;

/// Why leadership was not handed over. Sent as its position in this declaration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum NotHandedOver {
    /// 0: it leads already.
    #[error("it leads already")]
    Leads,
    /// 1: it is no member of the group.
    #[error("it is no member of the group")]
    NoMember,
    /// 2: it does not vote.
    #[error("it is a learner: it does not vote")]
    Learner,
    /// 3: it does not answer the leader.
    #[error("it is down")]
    Down,
    /// 4: it lacks so many entries of the log.
    #[error("it lacks {0} entries of the log")]
    Lagging(u64),
    /// 5: the group has one voter.
    #[error("there is no other voter")]
    Alone,
    /// 6: no other voter is up and has caught up.
    #[error("no other voter is up and has caught up")]
    Nobody,
    /// 7: changes that were under way did not come to an end in time, or leadership is being handed over already.
    #[error("changes that are under way do not come to an end")]
    Busy,
    /// 8: the successor was not elected in time; the leader may have stayed, or another one may have been elected.
    #[error("the successor was not elected in time")]
    Late,
}

/// How a leader leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaving {
    /// It leads on should its successor not be elected.
    Waits,
    /// It leads no more, whoever succeeds it.
    Resigned,
}

impl Core {
    /// Does as a member asks that takes `from` for the leader.
    pub(crate) async fn hand_over_from(&self, from: ProxyId, to: Option<ProxyId>) -> Result<LeaderAnswer, Refusal> {
        let me = self.config.id;
        if !is_in_office(&self.engine.metrics().borrow()) {
            return Err(Refusal::NotLeader);
        }
        // The answer to an earlier try of the same request was lost.
        if from != me && to.is_none_or(|to| to == me) {
            return Ok(LeaderAnswer::HandedOver(Ok(me)));
        }
        Ok(LeaderAnswer::HandedOver(self.hand_over(to).await))
    }

    /// Hands leadership over to this voter, or to the one that is best prepared, and returns it once it leads. Takes no longer than
    /// [`attempt`](Self::attempt); proposals wait meanwhile, and are then refused here and tried again there.
    pub(crate) async fn hand_over(&self, to: Option<ProxyId>) -> Result<ProxyId, NotHandedOver> {
        let metrics = self.engine.metrics().borrow().clone();
        let to = self.successor(&metrics, to).await?;
        let begun = Instant::now();
        let prepared = begun + self.config.election_timeout / 2;
        // Held from when the last proposal that was under way is committed to the end.
        let _closed = timeout_at(prepared, self.gate.write()).await.map_err(|_| NotHandedOver::Busy)?;
        let last = self.caught_up(to, prepared).await?;
        reached!("raft.hand_over_begun");
        let until = Instant::now() + self.config.election_timeout;
        let address = metrics.membership_config.membership().get_node(&to).map(|node| node.address.clone()).unwrap_or_default();
        tokio::select! {
            biased;
            outcome = self.succeeded(to, until) => outcome?,
            refusal = self.call_upon(to, &address, last, until) => return Err(refusal),
        }
        tracing::info!(%to, took = ?begun.elapsed(), "leadership was handed over");
        reached!("raft.handed_over");
        Ok(to)
    }

    /// Who is to lead next. The best prepared is the one that lacks least; one that drains is about to be stopped, and leads only where no
    /// other can.
    async fn successor(&self, metrics: &Metrics, wanted: Option<ProxyId>) -> Result<ProxyId, NotHandedOver> {
        let membership = metrics.membership_config.membership();
        let voters = membership.get_joint_config().last().cloned().unwrap_or_default();
        let mut asked = voters.clone();
        asked.remove(&metrics.id);
        if let Some(id) = wanted {
            if id == metrics.id {
                return Err(NotHandedOver::Leads);
            }
            if membership.get_node(&id).is_none() {
                return Err(NotHandedOver::NoMember);
            }
            if !voters.contains(&id) {
                return Err(NotHandedOver::Learner);
            }
            asked.retain(|other| *other == id);
        } else if asked.is_empty() {
            return Err(NotHandedOver::Alone);
        }
        // Leases tell less: a member that has only just begun to lead has been asked for none.
        let alive = self.signs_of_life(metrics, asked).await;
        // Nor does a leader of a moment ago know yet how far the others are: `caught_up` finds out.
        let table = self.published.table();
        let rank = |id| {
            let lag = lag(metrics, id).unwrap_or(CAUGHT_UP);
            (lag > CAUGHT_UP, table.is_draining(id), lag, id)
        };
        match alive.into_iter().map(rank).min() {
            Some((false, _, _, id)) => Ok(id),
            Some((true, _, lag, _)) if wanted.is_some() => Err(NotHandedOver::Lagging(lag)),
            None if wanted.is_some() => Err(NotHandedOver::Down),
            Some(_) | None => Err(NotHandedOver::Nobody),
        }
    }

    /// Waits until the voter has every entry, and returns the last of them.
    async fn caught_up(&self, to: ProxyId, until: Instant) -> Result<LogId, NotHandedOver> {
        // First hand: what was committed before the last proposal was answered must be in it.
        let mut metrics = self.engine.raft().map_err(|_| NotHandedOver::Late)?.metrics();
        let matched = |metrics: &Metrics| metrics.replication.as_ref().and_then(|replication| *replication.get(&to)?);
        let all = metrics.wait_for(|metrics| !is_in_office(metrics) || lag(metrics, to) == Some(0));
        let seen = timeout_at(until, all).await.ok().and_then(Result::ok).map(|metrics| metrics.clone());
        match seen {
            Some(metrics) if is_in_office(&metrics) => matched(&metrics).ok_or(NotHandedOver::Down),
            Some(_) => Err(NotHandedOver::Late),
            None => Err(NotHandedOver::Lagging(lag(&metrics.borrow(), to).unwrap_or_default())),
        }
    }

    /// Waits until the successor leads.
    async fn succeeded(&self, to: ProxyId, until: Instant) -> Result<(), NotHandedOver> {
        let mut metrics = self.engine.metrics();
        let elected = metrics.wait_for(|metrics| metrics.current_leader.is_some_and(|leader| leader != metrics.id));
        match timeout_at(until, elected).await {
            Ok(Ok(metrics)) if metrics.current_leader == Some(to) => Ok(()),
            Ok(_) | Err(_) => Err(NotHandedOver::Late),
        }
    }

    /// Tells the successor to stand for election. Resolves only if it will not.
    async fn call_upon(&self, to: ProxyId, address: &str, last: LogId, until: Instant) -> NotHandedOver {
        let left = until.saturating_duration_since(Instant::now());
        match self.network.call(to, address, &Request::Campaign(last), left).await {
            Ok(Response::Campaigning) => std::future::pending().await,
            Ok(other) => tracing::warn!(?other, %to, "the successor does not stand for election"),
            Err(error) => tracing::warn!(%error, %to, "the successor was not reached"),
        }
        NotHandedOver::Late
    }

    /// Tells the voter that has most of the log to lead, where this member led and can no more: it has given up its own instance, so
    /// that the others need not wait until its lease is over. One that drains is asked after those that do not and could win as well. Takes
    /// no longer than half an election time-out, and may fail.
    pub(crate) async fn bequeath(&self, last: &Metrics) {
        if last.state != ServerState::Leader {
            return;
        }
        let membership = last.membership_config.membership();
        let voters = membership.get_joint_config().last().cloned().unwrap_or_default();
        let matched = |id: &ProxyId| last.replication.as_ref().and_then(|replication| *replication.get(id)?);
        let others: Vec<_> = voters.iter().filter(|id| **id != last.id).filter_map(|id| Some((*id, matched(id)?))).collect();
        let table = self.published.table();
        let until = Instant::now() + self.config.election_timeout / 2;
        for (id, has) in heirs(&others, voters.len(), |id| table.is_draining(id)) {
            let address = membership.get_node(&id).map(|node| node.address.clone()).unwrap_or_default();
            // Time is left for the next one.
            let left = until.saturating_duration_since(Instant::now()).min(self.config.election_timeout / 4);
            if let Ok(Response::Campaigning) = self.network.call(id, &address, &Request::Bequeath(has), left).await {
                tracing::info!(to = %id, "leadership was left to another voter");
                return;
            }
        }
    }

    /// The leader `from` asks this member to succeed it, if it has everything up to this entry.
    ///
    /// A request that comes late finds another leader, or, unless it has resigned, entries that followed, and is refused: what the leader
    /// held back for its sake it then holds back no more.
    pub(crate) async fn campaign(&self, from: ProxyId, last: LogId, leaving: Leaving) -> Response {
        let Ok(raft) = self.engine.raft() else { return STOPPED };
        // It has acknowledged that entry, but may not have said so of itself yet.
        let mut own = raft.metrics();
        let seen = own.wait_for(|metrics| metrics.last_log_index >= Some(last.index));
        let seen = timeout(self.config.election_timeout / 4, seen).await.ok().and_then(Result::ok).map(|metrics| metrics.clone());
        let Some(metrics) = seen else { return Response::Refused(Refusal::NotLeader) };
        let voters = metrics.membership_config.membership().get_joint_config().last().cloned().unwrap_or_default();
        let has_all = match leaving {
            Leaving::Waits => metrics.last_log_index == Some(last.index),
            Leaving::Resigned => metrics.last_log_index >= Some(last.index),
        };
        let is_due = metrics.current_leader == Some(from) && has_all && voters.contains(&metrics.id);
        if !is_due {
            return Response::Refused(Refusal::NotLeader);
        }
        // The term that it will stand in, so that its requests for votes tell why they come before the leader's lease is over.
        self.network.succeeding.store(metrics.vote.leader_id().term + 1, Ordering::Relaxed);
        tracing::info!(%from, "this member succeeds the leader");
        raft.trigger().elect().await.map_or(STOPPED, |()| Response::Campaigning)
    }

    /// A successor asks for this member's vote, with the leader's consent: the leader's lease does not stand in its way.
    ///
    /// openraft refuses every vote while a lease runs, but follows no leader of an earlier term once it has heard of a later one. That
    /// is what it is told first, by an `AppendEntries` that matches no log: it raises the vote and changes nothing else. Raft
    /// allows that at any time; only a candidate whose log is shorter could depose the leader to no avail, and is not served.
    pub(crate) async fn vote_for_successor(&self, rpc: VoteRequest<ProxyId>) -> Response {
        let Ok(raft) = self.engine.raft() else { return STOPPED };
        let own = self.engine.metrics().borrow().last_log_index;
        if rpc.last_log_id.map(|last| last.index) >= own {
            let nowhere = LogId::new(CommittedLeaderId::new(0, ProxyId(0)), u64::MAX);
            let later = AppendEntriesRequest { vote: rpc.vote, prev_log_id: Some(nowhere), entries: Vec::new(), leader_commit: None };
            if raft.append_entries(later).await.is_err() {
                return STOPPED;
            }
        }
        raft.vote(rpc).await.map_or(STOPPED, Response::Vote)
    }
}

/// How many entries the member lacks; `None` if it was never heard of.
pub(crate) fn lag(metrics: &Metrics, id: ProxyId) -> Option<u64> {
    let matched = metrics.replication.as_ref().and_then(|replication| *replication.get(&id)?)?;
    Some(metrics.last_log_index.unwrap_or_default().saturating_sub(matched.index))
}
