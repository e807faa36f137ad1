//! Removing a proxy: the leader is asked whether the group can do without it, and the table is told.

use std::time::Duration;

use tokio::time::Instant;

use super::care::CAUGHT_UP;
use super::core::Core;
use super::error::{ProposeError, RemoveError};
use super::lease_desk::is_in_office;
use super::message::{LeaderAnswer, LeaderRequest, Refusal};
use super::routing_store::RoutingStore;
use crate::command::Command;
use crate::ids::ProxyId;
use crate::membership::{NotRemovable, is_majority, may_remove};

impl Core {
    /// Whether the group, as this leader sees it now, can do without a proxy.
    pub(crate) async fn may_remove(&self, proxy: ProxyId) -> Result<Result<(), NotRemovable>, Refusal> {
        let metrics = self.engine.metrics().borrow().clone();
        if !is_in_office(&metrics) {
            return Err(Refusal::NotLeader);
        }
        let membership = metrics.membership_config.membership();
        let others = membership.nodes().map(|(id, _)| *id).filter(|id| *id != metrics.id);
        // Leases tell less: a member that has only just begun to lead has been asked for none.
        let mut up = self.signs_of_life(&metrics, others.collect()).await;
        up.retain(|id| super::hand_over::lag(&metrics, *id).is_none_or(|lag| lag <= CAUGHT_UP));
        up.insert(metrics.id);
        if !is_majority(membership.get_joint_config(), &up) {
            return Err(Refusal::NoQuorum);
        }
        Ok(may_remove(proxy, &membership.voter_ids().collect(), &up))
    }
}

impl RoutingStore {
    /// Removes a proxy: its epoch is over at once, and the leader sees to it that it votes no more, is a member no more and leaves the
    /// table, in this order. Returns once that has begun.
    ///
    /// # Errors
    /// [`RemoveError`]
    pub async fn remove_proxy(&self, proxy: ProxyId, deadline: Duration) -> Result<(), RemoveError> {
        let until = Instant::now() + deadline;
        self.check_removal(proxy, deadline).await?;
        self.propose(Command::RemoveProxy { proxy }, until.saturating_duration_since(Instant::now())).await?;
        Ok(())
    }

    /// Asks the leader whether a proxy may be removed now. Nothing changes.
    ///
    /// # Errors
    /// [`RemoveError`]
    pub async fn check_removal(&self, proxy: ProxyId, deadline: Duration) -> Result<(), RemoveError> {
        let until = Instant::now() + deadline;
        let request = LeaderRequest::Remove(proxy);
        let asked = self.core().insist(&request, until);
        let answer = tokio::select! {
            biased;
            reason = self.stopped() => return Err(ProposeError::Stopped(reason).into()),
            answer = asked => answer,
        };
        let Some(LeaderAnswer::Removable(removable)) = answer else { return Err(ProposeError::NoQuorum(deadline).into()) };
        Ok(removable?)
    }
}
