//! Keeps a voter that has lost its peers from campaigning: what Raft calls pre-vote, which openraft 0.9 lacks.
//!
//! Alone, such a voter would raise its term at each election time-out, and depose a healthy leader once it is back. So each
//! voter that does not lead asks the others for a sign of life, and stands for election only while a majority gives one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use openraft::ServerState;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::core::Core;
use super::engine::Elections;
use super::message::{Request, Response};
use super::runtime::jitter;
use super::types::Metrics;
use crate::ids::ProxyId;
use crate::membership::is_majority;

/// The range from which a candidate draws grows to four election time-outs.
const MOST_DOUBLINGS: u32 = 4;

/// Allows and forbids this member to stand for election, as its peers come and go.
pub(crate) async fn mind_the_majority(core: Arc<Core>) {
    // A loss must be seen before it is acted upon. That is an election time-out after the last heartbeat, which may itself be one and a
    // half heartbeats old: with three of them to a time-out, half of it is left for this pause and the signs of life.
    let pace = core.config.election_timeout / 5;
    loop {
        sleep(pace).await;
        let metrics = core.engine.metrics().borrow().clone();
        let now = may_campaign(&core, &metrics).await;
        if now != core.engine.may_campaign() {
            tracing::info!(allowed = now, "whether this member may stand for election has changed");
            core.engine.elect(if now { Elections::Allowed } else { Elections::Forbidden });
        }
    }
}

/// Keeps candidates that have split the votes from doing so again and again.
///
/// In openraft 0.9 a member draws its time once for its whole life and looks at it at every tick, so that two whose ticks fall together
/// and whose times lie between the same two would always stand together. A candidate therefore does not stand again by its ticks: it
/// draws a further time for each try, from a range that doubles, or disks that are slow to note votes would never let anybody win. One that was
/// refused because it lags behind stands back for two election time-outs.
pub(crate) async fn part_candidates(core: Arc<Core>) {
    let all = core.config.election_timeout;
    let mut metrics = core.engine.metrics();
    let mut tries = 0;
    loop {
        let Ok(candidate) = metrics.wait_for(|metrics| metrics.state == ServerState::Candidate).await.map(|metrics| metrics.clone()) else {
            return;
        };
        core.engine.pace(Elections::Forbidden);
        sleep(all / 20 + jitter(all / 4 * (1 << tries))).await;
        if core.network.outranked.swap(false, Ordering::Relaxed) {
            // It cannot win, and each of its terms costs those who can one of theirs.
            let decided = metrics.wait_for(|metrics| metrics.state != ServerState::Candidate);
            let _ = timeout(all * 2 + jitter(all), decided).await;
        }
        let newest = metrics.borrow().clone();
        let is_undecided = newest.state == ServerState::Candidate && newest.current_term == candidate.current_term;
        if is_undecided
            && core.engine.may_campaign()
            && let Ok(raft) = core.engine.raft()
        {
            tries = (tries + 1).min(MOST_DOUBLINGS);
            // It fails when it has stopped, and then there is no candidate.
            let _ = raft.trigger().elect().await;
        }
        if newest.current_leader.is_some() {
            tries = 0;
        }
        if newest.state != ServerState::Candidate {
            core.engine.pace(Elections::Allowed);
        }
    }
}

async fn may_campaign(core: &Core, metrics: &Metrics) -> bool {
    let me = core.config.id;
    let membership = metrics.membership_config.membership();
    let mut voters: BTreeSet<ProxyId> = membership.voter_ids().collect();
    if metrics.state == ServerState::Leader || !voters.remove(&me) {
        return true;
    }
    let mut reached = core.signs_of_life(metrics, voters).await;
    reached.insert(me);
    is_majority(membership.get_joint_config(), &reached)
}

impl Core {
    /// Which of these members answer within a quarter of an election time-out.
    pub(crate) async fn signs_of_life(&self, metrics: &Metrics, asked: BTreeSet<ProxyId>) -> BTreeSet<ProxyId> {
        let membership = metrics.membership_config.membership();
        let mut signs = JoinSet::new();
        for (id, node) in membership.nodes().filter(|(id, _)| asked.contains(id)) {
            let (network, id, address, deadline) = (self.network.clone(), *id, node.address.clone(), self.config.election_timeout / 4);
            signs.spawn(async move { (id, network.call(id, &address, &Request::Ping, deadline).await) });
        }
        let answers = signs.join_all().await.into_iter();
        answers.filter(|(_, answer)| matches!(answer, Ok(Response::Pong))).map(|(id, _)| id).collect()
    }
}
