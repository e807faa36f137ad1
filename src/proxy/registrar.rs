//! Keeps the routes of this proxy's tunnels in the table.
//!
//! ```text
//!            committed in the present epoch                        the lease is lost, or nobody confirms
//!  Pending ----------------------------------> Registered <------------------------------------------> Waiting
//!     \------------------------------------------------------------------------------------------------->/
//! ```
//!
//! Once its agent wants a tunnel no more, from whichever of them: Retired, when the withdrawal is committed, and it is never registered again.
//!
//! A route is proposed before its agent is welcomed, withdrawn after its tunnel has ended, and proposed again when this proxy
//! got a new epoch, which ended all its routes at once. Without a quorum it waits, and its tunnel with it. It must *never* give up on a
//! withdrawal: a route that nobody withdraws would point at this proxy until its epoch ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use warren_raft::{
    AgentName, Command, Epoch, LeaseState, ProposeError, ProxyId, Rejection, RoutingStore, Sequence, mutant, observe, reached,
};

use super::attempts::Attempts;
use super::tunnels::{Offer, Standing, Tunnel};
use crate::net::{Backoff, Budget, Env};

/// How long one proposal waits for a quorum before it is made again.
const PROPOSE: Duration = Duration::from_secs(10);
/// How long a registration is thought to be on its way; then its agent is told that it waits.
const PATIENCE: Duration = Duration::from_secs(3);
/// The waits between proposals that found no quorum or no place.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// Most routes that are registered again at the same time: a new epoch of a proxy with many tunnels must leave room for everybody else.
const AGAIN_AT_ONCE: usize = 1_024;

/// Registers and withdraws the routes of one proxy.
#[derive(Debug)]
pub(super) struct Registrar {
    me: ProxyId,
    store: RoutingStore,
    env: Env,
    attempts: Attempts,
    again: Arc<Semaphore>,
}

/// Whether a registration is the first of its tunnel: one that finds no place is refused, and its agent goes elsewhere, while a tunnel that
/// is held already waits for its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    First,
    Again,
}

impl Registrar {
    /// For the tunnels of `me`.
    pub(super) fn new(me: ProxyId, store: RoutingStore, env: Env) -> Self {
        Self { me, store, env, attempts: Attempts::default(), again: Arc::new(Semaphore::new(AGAIN_AT_ONCE)) }
    }

    /// Keeps the route of `tunnel` in the table for as long as it is polled, in each epoch of this proxy, and notes in the tunnel how it stands. Without a
    /// quorum it waits for one, however long that takes.
    ///
    /// Returns only why that can never be: the table rejects it, no place or no disk was left for the first try, or the store has stopped.
    pub(super) async fn keep(&self, tunnel: &Tunnel) -> ProposeError {
        self.attempts.begin(&tunnel.agent, tunnel.sequence);
        let mut lease = self.store.lease();
        let mut backoff = Backoff::new(BACKOFF.0, BACKOFF.1);
        let mut rng = None;
        let (mut turn, mut committed) = (Turn::First, None);
        loop {
            let state = *lease.borrow_and_update();
            match (state, committed) {
                (LeaseState::Lost, _) => {
                    turn = Turn::Again;
                    tunnel.stands(Standing::Waiting);
                }
                // The lease was lost and is back, and the leader was patient.
                (LeaseState::Held(epoch), Some((known, index))) if epoch == known || mutant!("routes_forgotten") => {
                    tunnel.stands(Standing::Registered(index))
                }
                (LeaseState::Held(epoch), _) => match Box::pin(self.register(tunnel, epoch, turn)).await {
                    Ok(index) => {
                        reached!("proxy.route_committed");
                        (turn, committed) = (Turn::Again, Some((epoch, index)));
                        tunnel.stands(Standing::Registered(index));
                    }
                    // The lease ended in between; the next one brings the next epoch.
                    Err(ProposeError::Rejected(Rejection::EpochOver { .. })) => turn = Turn::Again,
                    Err(error @ (ProposeError::QueueFull(_) | ProposeError::Disk(_))) if turn == Turn::First => return error,
                    Err(error @ (ProposeError::NoQuorum(_) | ProposeError::Disk(_) | ProposeError::QueueFull(_))) => {
                        tracing::debug!(%error, "route not committed yet");
                        reached!("proxy.route_waits");
                        turn = Turn::Again;
                        tunnel.stands(Standing::Waiting);
                        // Hardly any route ever comes here, and each is kept for as long as its tunnel lives.
                        let rng = rng.get_or_insert_with(|| Box::new(self.env.entropy.rng()));
                        tokio::time::sleep(backoff.next(rng)).await;
                        continue;
                    }
                    Err(error) => return error,
                },
            }
            if lease.changed().await.is_err() {
                return ProposeError::Stopped("the lease is not kept any more".to_owned());
            }
        }
    }

    /// Registers once. The services go with the route, into the same entry.
    async fn register(&self, tunnel: &Tunnel, epoch: Epoch, turn: Turn) -> Result<u64, ProposeError> {
        let _place = match turn {
            Turn::First => None,
            Turn::Again => Some(self.again.acquire().await.expect("nobody closes it")),
        };
        let Tunnel { agent, sequence, .. } = tunnel;
        if mutant!("welcome_before_commit") {
            tunnel.stands(Standing::Registered(self.store.status().last_log_index + 1));
        }
        let route = Command::RegisterRoute { agent: agent.clone(), proxy: self.me, epoch, sequence: *sequence };
        let both = async {
            // Polled in this order, and so queued.
            let offer = tunnel.offer();
            tokio::try_join!(self.publish(&tunnel.agent, &offer), self.store.propose(route, PROPOSE)).map(|(_, committed)| committed.index)
        };
        tokio::pin!(both);
        match timeout(PATIENCE, both.as_mut()).await {
            Ok(registered) => registered,
            Err(_) => {
                tunnel.stands(Standing::Waiting);
                both.await
            }
        }
    }

    /// Records what the agent offers, if the table has something else.
    async fn publish(&self, agent: &AgentName, offer: &Offer) -> Result<(), ProposeError> {
        let is_known = |known: &warren_raft::Agent| known.services == offer.services && known.version == offer.version;
        if self.store.table().agent(agent).is_some_and(is_known) {
            return Ok(());
        }
        let (services, version) = (offer.services.clone(), offer.version.clone());
        let publish = Command::PublishServices { agent: agent.clone(), services, version };
        self.store.propose(publish, PROPOSE).await.map(drop)
    }

    /// Records what the agent of a tunnel offers from now on instead of what it did, and notes that in the tunnel.
    pub(super) async fn publish_anew(&self, tunnel: &Tunnel, offer: Offer) -> Result<(), ProposeError> {
        self.publish(&tunnel.agent, &offer).await?;
        tunnel.offers(offer);
        Ok(())
    }

    /// Withdraws the route of a tunnel that has ended, and whatever an earlier one of the agent has left, as often as it takes, or until another tunnel of the agent has been
    /// tried, whose route replaces it or whose withdrawal includes it: no more than one waits for a quorum. Also when the table shows none: a registration whose outcome is
    /// not known may still be on its way, and this proxy's later proposal rules it out or undoes it.
    pub(super) async fn withdraw(&self, tunnel: &Tunnel, cancel: &CancellationToken) {
        // A proxy that stops ends its epoch, and every route with it.
        let _ = cancel.run_until_cancelled(self.withdraw_until_done(tunnel)).await;
    }

    async fn withdraw_until_done(&self, tunnel: &Tunnel) {
        let mut backoff = Backoff::new(BACKOFF.0, BACKOFF.1);
        let mut rng = self.env.entropy.rng();
        let (mut lease, mut applied) = (self.store.lease(), self.store.applied());
        let is_overtaken = || !mutant!("withdrawal_of_any") && self.attempts.is_overtaken(&tunnel.agent, tunnel.sequence);
        while !is_overtaken() {
            let Ok(held) = held(&mut lease, Budget::new(PROPOSE)).await else { continue };
            // The route that shows by now may be another tunnel's.
            if is_overtaken() {
                return;
            }
            let (epoch, sequence) = self.visible(&tunnel.agent).unwrap_or((held, tunnel.sequence));
            if mutant!("withdrawal_given_up") {
                return;
            }
            reached!("proxy.withdrawal_proposed");
            observe!(warren_raft::fault::Observation::Withdrawing {
                proxy: self.me,
                agent: tunnel.agent.clone(),
                sequence: tunnel.sequence
            });
            let command = Command::WithdrawRoute { agent: tunnel.agent.clone(), proxy: self.me, epoch, sequence };
            match self.store.propose(command, PROPOSE).await {
                Ok(committed) => {
                    // With a full disk the table does not follow, and may show neither this withdrawal nor a route that an earlier tunnel has left. Who has been overtaken
                    // does not wait for that: one waits for each agent, however often it comes back.
                    while *applied.borrow() < committed.index {
                        match timeout(backoff.next(&mut rng), applied.wait_for(|applied| *applied >= committed.index)).await {
                            Ok(Err(_)) => return,
                            Err(_) if is_overtaken() => return,
                            Ok(Ok(_)) | Err(_) => {}
                        }
                    }
                    if self.visible(&tunnel.agent).is_some() {
                        continue;
                    }
                    return;
                }
                Err(ProposeError::Rejected(_) | ProposeError::AboveLevel { .. } | ProposeError::Stopped(_)) => return,
                Err(error @ (ProposeError::NoQuorum(_) | ProposeError::Disk(_) | ProposeError::QueueFull(_))) => {
                    tracing::debug!(agent = %tunnel.agent, %error, "withdrawal not committed yet");
                }
            }
            tokio::time::sleep(backoff.next(&mut rng)).await;
        }
    }

    /// Whether the table shows a route for a tunnel, or for another one of its agent to this proxy.
    pub(super) fn is_visible(&self, tunnel: &Tunnel) -> bool {
        self.visible(&tunnel.agent).is_some()
    }

    /// The route that the table shows for a tunnel of the agent to this proxy.
    fn visible(&self, agent: &AgentName) -> Option<(Epoch, Sequence)> {
        let table = self.store.table();
        let mut routes = table.routes_of(agent);
        routes.find(|route| route.proxy == self.me).map(|route| (route.epoch, route.sequence))
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
