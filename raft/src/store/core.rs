//! What the parts of a running member share, and how they reach the leader.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::{RwLock, watch};
use tokio::time::{Instant, timeout, timeout_at};

use super::commit_times::CommitClock;
use super::config::StoreConfig;
use super::engine::Engine;
use super::failure::Failure;
use super::health::DiskState;
use super::lease_desk::LeaseDesk;
use super::led::Led;
use super::log::Sizes;
use super::message::{LeaderAnswer, LeaderRequest, Refusal, Request, Response};
use super::network::Network;
use super::receiver::Receiver;
use super::runtime::jitter;
use super::state::{Published, Shelf};
use super::types::Metrics;
use crate::ids::{Incarnation, ProxyId};

/// What the parts of a running member share.
pub(crate) struct Core {
    pub(crate) config: StoreConfig,
    /// How often the disk was opened, all lives of this member together.
    pub(crate) openings: watch::Sender<Incarnation>,
    pub(crate) engine: Engine,
    pub(crate) network: Network,
    pub(crate) published: Arc<Published>,
    pub(crate) committed: Arc<AtomicU64>,
    /// Where the snapshots of the current instance of openraft are.
    pub(crate) shelf: ArcSwapOption<Shelf>,
    /// What the log takes.
    pub(crate) sizes: Sizes,
    /// What the files of the store take, now and then.
    pub(crate) disk_bytes: AtomicU64,
    /// Takes snapshots from leaders.
    pub(crate) receiver: Receiver,
    pub(crate) leases: LeaseDesk,
    pub(crate) led: Led,
    pub(crate) failure: Failure,
    pub(crate) disk: watch::Sender<DiskState>,
    /// Shared by everything that this member appends to the log as the leader, and had alone while leadership is handed over.
    pub(crate) gate: RwLock<()>,
    /// Renewals of this proxy's lease that were not answered in time.
    pub(crate) missed_renewals: AtomicU64,
    /// How long commands took to be committed.
    pub(crate) commits: CommitClock,
    /// How many ways to the leader have failed in a row.
    pub(crate) failed_ways: AtomicUsize,
}

impl Core {
    /// How often the disk was opened, the last time included.
    pub(crate) fn incarnation(&self) -> Incarnation {
        *self.openings.borrow()
    }

    /// How long one try to reach the leader takes at most: as long as it takes to have a new one.
    pub(crate) fn attempt(&self) -> Duration {
        self.config.election_timeout * 2
    }

    /// Asks the leader until it answers or `until` has come, across elections.
    pub(crate) async fn insist(&self, request: &LeaderRequest, until: Instant) -> Option<LeaderAnswer> {
        loop {
            let left = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
            let asked_under = self.engine.metrics().borrow().current_leader;
            match self.ask_leader(request, left.min(self.attempt())).await {
                Ok(answer) => return Some(answer),
                Err(refusal) => {
                    tracing::debug!(%refusal, "the leader did not answer");
                    crate::reached!("raft.leader_asked_again");
                }
            }
            self.pause(asked_under, until).await;
        }
    }

    /// Waits a little, or for another leader, before the next try.
    async fn pause(&self, asked_under: Option<ProxyId>, until: Instant) {
        let pause = self.config.heartbeat / 4 + jitter(self.config.heartbeat / 4);
        // Either way the next try follows.
        let _ = timeout_at(until.min(Instant::now() + pause), self.superseded(asked_under)).await;
    }

    /// Waits for another leader than this.
    async fn superseded(&self, asked_under: Option<ProxyId>) {
        let mut metrics = self.engine.metrics();
        // A closed channel means that the member stops, which ends the whole task.
        let _ = metrics.wait_for(|metrics| metrics.current_leader.is_some() && metrics.current_leader != asked_under).await;
    }

    /// Asks the leader once, wherever it is.
    pub(crate) async fn ask_leader(&self, request: &LeaderRequest, deadline: Duration) -> Result<LeaderAnswer, Refusal> {
        let metrics = self.engine.metrics().borrow().clone();
        if metrics.current_leader == Some(self.config.id) {
            let answer = timeout(deadline, self.answer_as_leader(self.config.id, request.clone()));
            return answer.await.unwrap_or(Err(Refusal::NoQuorum));
        }
        let (target, address) = self.way_to_leader(&metrics).ok_or(Refusal::NotLeader)?;
        let request = Request::Leader(request.clone());
        let answer = tokio::select! {
            biased;
            answer = self.call_for_leader(target, &address, &request, deadline) => answer,
            // Whoever was asked may be dead, which nobody else will say: the next one is asked at once. What it has done is not done twice.
            () = self.superseded(metrics.current_leader) => {
                self.failed_ways.store(0, Ordering::Relaxed);
                return Err(Refusal::NotLeader);
            }
        };
        match &answer {
            Ok(_) if metrics.current_leader.is_some() => self.failed_ways.store(0, Ordering::Relaxed),
            // Whoever has relayed it is asked again the next time.
            Ok(_) => drop(self.failed_ways.fetch_and(!1, Ordering::Relaxed)),
            // Without a known leader each way is tried once.
            Err(_) => drop(self.failed_ways.fetch_add(1 + usize::from(metrics.current_leader.is_none()), Ordering::Relaxed)),
        }
        answer
    }

    /// Passes a request on to the leader, if this member knows one that is not itself.
    pub(crate) async fn relay(&self, origin: ProxyId, request: LeaderRequest) -> Result<LeaderAnswer, Refusal> {
        let metrics = self.engine.metrics().borrow().clone();
        let leader = metrics.current_leader.filter(|leader| *leader != self.config.id).ok_or(Refusal::NotLeader)?;
        let address = metrics.membership_config.membership().get_node(&leader).map(|node| node.address.clone()).unwrap_or_default();
        self.call_for_leader(leader, &address, &Request::Relayed { origin, request }, self.attempt()).await
    }

    async fn call_for_leader(
        &self,
        target: ProxyId,
        address: &str,
        request: &Request,
        deadline: Duration,
    ) -> Result<LeaderAnswer, Refusal> {
        match self.network.call(target, address, request, deadline).await {
            Ok(Response::Leader(answer)) => Ok(answer),
            Ok(Response::Refused(refusal)) => Err(refusal),
            Ok(Response::Append(_) | Response::Vote(_) | Response::InstallSnapshot(_) | Response::Pong | Response::Campaigning) => {
                Err(Refusal::NotLeader)
            }
            Err(error) => {
                tracing::debug!(leader = %target, %error, "the way to the leader is blocked");
                Err(Refusal::NotLeader)
            }
        }
    }

    /// The leader, or, while that fails or none is known, the members in turn: each of them relays.
    fn way_to_leader(&self, metrics: &Metrics) -> Option<(ProxyId, String)> {
        let mut ways: BTreeMap<ProxyId, String> = self.config.seeds.iter().cloned().collect();
        let nodes = metrics.membership_config.membership().nodes();
        ways.extend(nodes.map(|(id, node)| (*id, node.address.clone())));
        ways.remove(&self.config.id);
        let failed = self.failed_ways.load(Ordering::Relaxed);
        // Every other try goes to the leader that is known: it may be reached again.
        let known = metrics.current_leader.and_then(|leader| ways.get_key_value(&leader)).filter(|_| failed.is_multiple_of(2));
        let way = known.or_else(|| ways.iter().nth((failed / 2) % ways.len().max(1)));
        way.map(|(id, address)| (*id, address.clone()))
    }

    /// Waits until this member has applied the entry.
    pub(crate) async fn applied(&self, index: u64, until: Instant) -> bool {
        let mut applied = self.published.applied();
        matches!(timeout_at(until, applied.wait_for(|applied| *applied >= index)).await, Ok(Ok(_)))
    }

    /// The same, but for as long as this member applies anything: false when it was waited for in vain.
    pub(crate) async fn applied_if_writable(&self, index: u64, until: Instant) -> bool {
        let mut disk = self.disk.subscribe();
        tokio::select! {
            biased;
            applied = self.applied(index, until) => applied,
            _ = disk.wait_for(|disk| *disk != DiskState::Writable) => true,
        }
    }
}
