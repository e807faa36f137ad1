//! Keeps a voter that has lost its peers from campaigning: what Raft calls pre-vote, which openraft 0.9 lacks.
//!
//! Alone, such a voter would raise its term at each election time-out, and depose a healthy leader once it is back. So each
//! voter that does not lead asks the others for a sign of life, and stands for election only while a majority gives one.

use std::collections::BTreeSet;
use std::sync::Arc;

use openraft::ServerState;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::core::Core;
use super::engine::Elections;
use super::message::{Request, Response};
use super::types::Metrics;
use crate::ids::ProxyId;
use crate::membership::is_majority;

/// Allows and forbids this member to stand for election, as its peers come and go.
pub(crate) async fn mind_the_majority(core: Arc<Core>) {
    // Twice within the shortest election time-out, so that a loss is seen before it is acted upon.
    let pace = core.config.election_timeout / 4;
    let mut allowed = true;
    loop {
        sleep(pace).await;
        let metrics = core.engine.metrics().borrow().clone();
        let now = may_campaign(&core, &metrics).await;
        if now != allowed {
            tracing::info!(allowed = now, "whether this member may stand for election has changed");
            core.engine.elect(if now { Elections::Allowed } else { Elections::Forbidden });
            allowed = now;
        }
    }
}

async fn may_campaign(core: &Core, metrics: &Metrics) -> bool {
    let me = core.config.id;
    let membership = metrics.membership_config.membership();
    let voters: BTreeSet<ProxyId> = membership.voter_ids().collect();
    if metrics.state == ServerState::Leader || !voters.contains(&me) {
        return true;
    }
    let mut signs = JoinSet::new();
    for (id, node) in membership.nodes().filter(|(id, _)| **id != me && voters.contains(id)) {
        let (network, id, address, deadline) = (core.network.clone(), *id, node.address.clone(), core.config.election_timeout / 2);
        signs.spawn(async move { (id, network.call(id, &address, &Request::Ping, deadline).await) });
    }
    let mut reached = BTreeSet::from([me]);
    while !is_majority(membership.get_joint_config(), &reached) {
        match signs.join_next().await {
            Some(Ok((id, Ok(Response::Pong)))) => drop(reached.insert(id)),
            Some(_) => {}
            None => return false,
        }
    }
    true
}
