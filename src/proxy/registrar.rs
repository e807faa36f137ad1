//! Keeps the routes of this proxy's tunnels in the table.
//!
//! A route is proposed before its agent is welcomed, withdrawn after its tunnel has ended, and proposed again when this proxy
//! got a new epoch, which ended all its routes at once. It must *never* give up on a withdrawal: a route that nobody withdraws
//! would point at this proxy until its epoch ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use warren_raft::{AgentName, Command, Committed, DiskState, Epoch, LeaseState, ProposeError, ProxyId, Rejection, RoutingStore, Sequence};

use super::attempts::Attempts;
use super::tunnels::{Tunnel, Tunnels};
use crate::net::{Backoff, Budget, Env};
use crate::wire::close::Close;

/// How long one proposal waits for a quorum before it is made again.
const PROPOSE: Duration = Duration::from_secs(10);
/// The waits between proposals that found no quorum.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Registers and withdraws the routes of one proxy.
#[derive(Clone, Debug)]
pub(super) struct Registrar {
    /// This proxy.
    pub me: ProxyId,
    /// Where the routes are.
    pub store: RoutingStore,
    /// The tunnels that are here.
    pub tunnels: Arc<Tunnels>,
    /// The randomness of retries.
    pub env: Env,
    /// The newest tunnel of each agent that was tried.
    pub attempts: Attempts,
}

/// A route that stands in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Registered {
    /// The epoch it was registered in.
    pub epoch: Epoch,
    /// The log index it stands at.
    pub index: u64,
}

impl Registrar {
    /// Registers the route of a tunnel and returns once it is committed.
    ///
    /// # Errors
    /// [`ProposeError`]: not committed within the budget, or rejected.
    pub(super) async fn register(&self, agent: &AgentName, sequence: Sequence, budget: Budget) -> Result<Registered, ProposeError> {
        self.attempts.begin(agent, sequence);
        let mut lease = self.store.lease();
        loop {
            let epoch = held(&mut lease, budget).await?;
            let command = Command::RegisterRoute { agent: agent.clone(), proxy: self.me, epoch, sequence };
            match self.store.propose(command, budget.left()).await {
                Ok(Committed { index, .. }) => return Ok(Registered { epoch, index }),
                Err(ProposeError::Rejected(Rejection::EpochOver { .. })) if !budget.left().is_zero() => {
                    // The lease ended in between; the next one brings the next epoch.
                    changed(&mut lease, epoch, budget).await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Withdraws the route of a tunnel that has ended, and of any older one, as often as it takes, or until a newer tunnel of the agent has been
    /// tried, whose route replaces it or whose withdrawal includes it: no more than one waits for a quorum. Also when the table shows none: a registration whose outcome is
    /// not known may still be on its way, and this proxy's later proposal rules it out or undoes it.
    pub(crate) async fn withdraw(&self, tunnel: &Tunnel, cancel: &CancellationToken) {
        // A proxy that stops ends its epoch, and every route with it.
        let _ = cancel.run_until_cancelled(self.withdraw_until_done(tunnel)).await;
    }

    async fn withdraw_until_done(&self, tunnel: &Tunnel) {
        let mut backoff = Backoff::new(BACKOFF.0, BACKOFF.1);
        let mut rng = self.env.entropy.split("withdraw").rng();
        let mut lease = self.store.lease();
        while !self.attempts.is_older(&tunnel.agent, tunnel.sequence) {
            let Ok(held) = held(&mut lease, Budget::new(PROPOSE)).await else { continue };
            let (epoch, sequence) = self.visible(tunnel).unwrap_or((held, tunnel.sequence));
            let command = Command::WithdrawRoute { agent: tunnel.agent.clone(), proxy: self.me, epoch, sequence };
            match self.store.propose(command, PROPOSE).await {
                Ok(_) if self.visible(tunnel).is_some() => {
                    // A table that does not follow shows it for as long as that.
                    let _ = self.store.disk().wait_for(|disk| *disk == DiskState::Writable).await;
                    continue;
                }
                Ok(_) | Err(ProposeError::Rejected(_) | ProposeError::Stopped(_)) => return,
                Err(error @ (ProposeError::NoQuorum(_) | ProposeError::Disk(_) | ProposeError::QueueFull(_))) => {
                    tracing::debug!(agent = %tunnel.agent, %error, "withdrawal not committed yet");
                }
            }
            tokio::time::sleep(backoff.next(&mut rng)).await;
        }
    }

    /// The route that the table shows for a tunnel, or for an older one of its agent to this proxy.
    fn visible(&self, tunnel: &Tunnel) -> Option<(Epoch, Sequence)> {
        let table = self.store.table();
        let mut routes = table.routes_of(&tunnel.agent);
        routes.find(|route| route.proxy == self.me && route.sequence <= tunnel.sequence).map(|route| (route.epoch, route.sequence))
    }

    /// Registers every tunnel anew whenever this proxy got a new epoch, until `cancel`.
    pub(super) async fn follow_lease(&self, cancel: &CancellationToken) {
        let mut lease = self.store.lease();
        let mut known = None;
        loop {
            let state = *lease.borrow_and_update();
            if let LeaseState::Held(epoch) = state {
                if known.is_some_and(|known| known != epoch) {
                    self.register_all(cancel).await;
                }
                known = Some(epoch);
            }
            tokio::select! {
                changed = lease.changed() => if changed.is_err() { return },
                () = cancel.cancelled() => return,
            }
        }
    }

    async fn register_all(&self, cancel: &CancellationToken) {
        let mut proposals = tokio::task::JoinSet::new();
        for tunnel in self.tunnels.all() {
            let (registrar, cancel) = (self.clone(), cancel.clone());
            proposals.spawn(async move { registrar.register_again(&tunnel, &cancel).await });
        }
        let all = async { while proposals.join_next().await.is_some() {} };
        let _ = cancel.run_until_cancelled(all).await;
    }

    async fn register_again(&self, tunnel: &Tunnel, cancel: &CancellationToken) {
        if let Err(error) = self.register(&tunnel.agent, tunnel.sequence, Budget::new(PROPOSE)).await {
            // Without its route the tunnel is of no use: the agent makes another one.
            tracing::warn!(agent = %tunnel.agent, %error, "route not registered anew");
            Close::LEAVING.close(&tunnel.connection);
        }
        // It may have ended, and been withdrawn, in between.
        if self.tunnels.get(&tunnel.agent).is_none_or(|known| known.sequence != tunnel.sequence) {
            self.withdraw(tunnel, cancel).await;
        }
    }
}

/// Waits until this proxy holds its lease.
async fn held(lease: &mut watch::Receiver<LeaseState>, budget: Budget) -> Result<Epoch, ProposeError> {
    let total = budget.left();
    let state = budget.run(lease.wait_for(|state| matches!(state, LeaseState::Held(_)))).await;
    match state.map(|state| state.map(|state| *state)) {
        Ok(Ok(LeaseState::Held(epoch))) => Ok(epoch),
        Ok(Err(_)) => Err(ProposeError::Stopped("the lease is not kept any more".to_owned())),
        Ok(Ok(LeaseState::Lost)) | Err(_) => Err(ProposeError::NoQuorum(total)),
    }
}

/// Waits until the lease is another one than `epoch`'s.
async fn changed(lease: &mut watch::Receiver<LeaseState>, epoch: Epoch, budget: Budget) -> Result<(), ProposeError> {
    let total = budget.left();
    match budget.run(lease.wait_for(|state| *state != LeaseState::Held(epoch))).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) => Err(ProposeError::Stopped("the lease is not kept any more".to_owned())),
        Err(_) => Err(ProposeError::NoQuorum(total)),
    }
}
