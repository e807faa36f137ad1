//! What the leader takes care of: leases that have ended, and who is a member.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use openraft::ChangeMembers;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::config::StoreConfig;
use super::core::Core;
use super::hand_over::lag;
use super::lease_desk::is_in_office;
use super::proposer::Proposer;
use super::types::{LogId, Member, Metrics};
use crate::command::Command;
use crate::ids::{Epoch, ProxyId};
use crate::membership::{Change, HealthWatch, Listed, Rules, View, next_change};
use crate::reached;
use crate::table::Proxy;

/// A member that lacks no more entries than this has caught up.
pub(crate) const CAUGHT_UP: u64 = 64;
/// How many times as long as health a voter's absence must last to be believed: a machine that restarts keeps its vote.
const GRACE: u32 = 3;
/// For so many tries to reach a leader nobody is handed over to again after that has failed.
const RESPITE: u32 = 10;
/// A process that has not looked for so many ticks was stopped.
const STOPPED: u32 = 3;
/// The shortest time between two looks.
pub(crate) const LEAST_TICK: Duration = Duration::from_millis(10);

/// Expires the leases of proxies that have stopped to renew them.
pub(crate) async fn expire_leases(core: Arc<Core>, proposer: Proposer) {
    let tick = (core.config.lease / 8).max(LEAST_TICK);
    let mut metrics = core.engine.metrics();
    let mut proposals = JoinSet::new();
    let (mut seen, mut looked) = (Instant::now(), Instant::now());
    loop {
        let now = Instant::now();
        let newest = metrics.borrow_and_update().clone();
        core.leases.observe(&newest, &core.published.table(), seen);
        // A process that was stopped reads what was so before: another may lead by now, and the leases be long renewed there.
        if now.saturating_duration_since(looked) > tick * STOPPED {
            core.leases.doubt();
        }
        looked = now;
        while proposals.try_join_next().is_some() {}
        // Together, so that they share a log entry. Should one fail, its lease is still ended at a later look.
        if proposals.is_empty() {
            for (proxy, epoch) in core.leases.expired(Instant::now()) {
                proposals.spawn(expire(proposer.clone(), proxy, epoch, core.config.lease));
            }
        }
        match timeout(tick, metrics.changed()).await {
            Ok(Ok(())) => seen = Instant::now(),
            Ok(Err(_)) => return,
            // What they say of the quorum was so when they came.
            Err(_) => {}
        }
    }
}

async fn expire(proposer: Proposer, proxy: ProxyId, epoch: Epoch, deadline: Duration) {
    tracing::warn!(%proxy, %epoch, "the lease of a proxy has ended");
    reached!("raft.lease_expired");
    if let Err(error) = proposer.propose(Command::ExpireProxy { proxy, epoch }, deadline).await {
        tracing::warn!(%proxy, %error, "its end could not be committed yet");
    }
}

/// Brings the group to what it should be, one change after the other.
pub(crate) async fn change_members(core: Arc<Core>, proposer: Proposer) {
    let rules = rules(&core.config);
    let tick = (rules.promote_after / 4).clamp(LEAST_TICK, core.config.election_timeout);
    let mut health = HealthWatch::default();
    // When leadership could not be handed over.
    let mut in_vain: Option<Instant> = None;
    let mut applied = core.published.applied();
    loop {
        // A proxy that has just started is taken in at once, but a busy table does not keep this task busy.
        sleep(LEAST_TICK).await;
        if let Ok(Err(_)) = timeout(tick, applied.changed()).await {
            return;
        }
        let metrics = core.engine.metrics().borrow().clone();
        if !is_in_office(&metrics) {
            health.reset();
            continue;
        }
        let now = Instant::now();
        let mut view = view(&core, &metrics, &mut health, now).await;
        if in_vain.is_some_and(|failed| now.saturating_duration_since(failed) < core.attempt() * RESPITE) {
            view.successors.clear();
        }
        match next_change(&view, &rules, now) {
            Some(Change::HandOver(to)) => in_vain = core.hand_over(Some(to)).await.err().map(|_| Instant::now()),
            Some(Change::Erase(id)) => erase(&proposer, id, core.config.lease).await,
            Some(change) => carry_out(&core, change, view.configurations.last().cloned().unwrap_or_default()).await,
            None => {}
        }
    }
}

pub(super) fn rules(config: &StoreConfig) -> Rules {
    // A new leader has heard of nobody yet, and may have to wait a lease for the first sign of life.
    let replace_after = config.promote_after.saturating_mul(GRACE).max(config.lease);
    Rules { max_voters: config.max_voters, promote_after: config.promote_after, replace_after }
}

/// What this leader knows. A proxy that was removed has no lease to renew, so it is asked for a sign of life: its own vote may be
/// needed to take it.
async fn view(core: &Core, metrics: &Metrics, health: &mut HealthWatch, now: Instant) -> View {
    let table = core.published.table();
    let leaving = table.proxies().filter(|(id, proxy)| proxy.removed && *id != metrics.id).map(|(id, _)| id).collect::<BTreeSet<_>>();
    let alive = if leaving.is_empty() { leaving } else { core.signs_of_life(metrics, leaving).await };
    let membership = metrics.membership_config.membership();
    let members: BTreeMap<_, _> = membership.nodes().map(|(id, node)| (*id, node.address.clone())).collect();
    let is_alive = |id: &ProxyId| alive.contains(id) || core.leases.is_alive(*id, now);
    let up: BTreeSet<_> = members.keys().copied().filter(|id| is_healthy(metrics, *id, is_alive)).collect();
    let is_successor = |id: &ProxyId| *id != metrics.id && up.contains(id) && table.proxy(*id).is_some_and(|proxy| !proxy.removed);
    let (draining, staying): (BTreeSet<_>, BTreeSet<_>) =
        membership.voter_ids().filter(is_successor).partition(|id| table.is_draining(*id));
    View {
        leader: metrics.id,
        proxies: table.proxies().map(|(id, proxy)| (id, listed(proxy))).collect(),
        health: health.observe(&members.keys().copied().collect(), &up, now).clone(),
        members,
        successors: if staying.is_empty() { draining } else { staying },
        configurations: membership.get_joint_config().clone(),
    }
}

fn listed(proxy: &Proxy) -> Listed {
    let address = Some(proxy.peer_address.clone()).filter(|address| !address.is_empty());
    Listed { address, zone: proxy.zone.clone(), removed: proxy.removed }
}

fn is_healthy(metrics: &Metrics, id: ProxyId, is_alive: impl Fn(&ProxyId) -> bool) -> bool {
    id == metrics.id || (lag(metrics, id).is_some_and(|lag| lag <= CAUGHT_UP) && is_alive(&id))
}

/// Its record leaves the table. Should that fail, a later look finds it again.
async fn erase(proposer: &Proposer, proxy: ProxyId, deadline: Duration) {
    match proposer.propose(Command::ForgetProxy { proxy }, deadline).await {
        Ok(_) => tracing::info!(%proxy, "a removed proxy has left the cluster"),
        Err(error) => tracing::warn!(%proxy, %error, "a removed proxy is still in the table"),
    }
}

/// Carries out a change of these voters.
async fn carry_out(core: &Core, change: Change, voters: BTreeSet<ProxyId>) {
    let _shared = core.gate.read().await;
    tracing::info!(%change, "the membership changes");
    let node = |id: ProxyId, address: String| BTreeMap::from([(id, Member { address })]);
    let after = change.voters(voters);
    let members = match change {
        Change::Settle(_) | Change::Replace { .. } => ChangeMembers::ReplaceAllVoters(after),
        Change::AddLearner(id, address) => ChangeMembers::AddNodes(node(id, address)),
        Change::Readdress(id, address) => ChangeMembers::SetNodes(node(id, address)),
        Change::Promote(id) => ChangeMembers::AddVoterIds([id].into()),
        Change::Demote(id) => ChangeMembers::RemoveVoters([id].into()),
        Change::Forget(id) => ChangeMembers::RemoveNodes([id].into()),
        // These are no changes of the group's configuration.
        Change::Erase(_) | Change::HandOver(_) => return,
    };
    // Out of time is no harm: what is left between two configurations is settled at a later look. Who votes no more is kept
    // as a learner.
    let Ok(raft) = core.engine.raft() else { return };
    reached!("raft.membership_proposed");
    match timeout(core.attempt(), raft.change_membership(members, true)).await {
        Ok(Ok(written)) => {
            reached!("raft.membership_entered");
            shown(core, written.log_id).await;
        }
        Ok(Err(error)) => tracing::warn!(%error, "the membership did not change"),
        Err(_) => tracing::warn!("the membership did not change in time"),
    }
}

/// Waits until the change can be seen, so that the next look is not at what was before it.
async fn shown(core: &Core, at: LogId) {
    let mut metrics = core.engine.metrics();
    let seen = metrics.wait_for(|metrics| *metrics.membership_config.log_id() >= Some(at));
    if !matches!(timeout(core.attempt(), seen).await, Ok(Ok(_))) {
        tracing::debug!("the membership has changed but is not shown yet");
    }
}
