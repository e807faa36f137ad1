//! Watches whether this proxy is to give away what it has, and does it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use warren_raft::{AgentName, Command, Drain as Mark, LeaseState, ProxyId, RoutingStore, Table, reached};

use super::asked::Held;
use super::leveller::Leveller;
use super::round::{Ended, Round, STEP};
use super::state::{Drain, Phase};
use crate::net::{Budget, Env};
use crate::proxy::metrics::Metrics;
use crate::proxy::tuning::Tuning;
use crate::proxy::tunnels::{Tunnel, Tunnels};
use crate::wire::close::Close;

/// How long the cluster may take to note that this proxy is about to go. Without a quorum it goes all the same.
const MARK: Duration = Duration::from_millis(1_500);
/// How long another voter may take to be the leader instead of this one.
const HAND_ON: Duration = Duration::from_secs(3);
/// How long the tunnels that are closed at the deadline may take to be gone.
const GONE: Duration = Duration::from_secs(1);

/// Gives away the tunnels of one proxy.
#[derive(Debug)]
pub(in crate::proxy) struct Handover {
    /// This proxy.
    pub me: ProxyId,
    /// Its zone.
    pub zone: String,
    /// The randomness.
    pub env: Env,
    /// Who is where, and whether this proxy is to drain.
    pub store: RoutingStore,
    /// The tunnels that are here.
    pub tunnels: Arc<Tunnels>,
    /// What is counted.
    pub metrics: Metrics,
    /// How far it is.
    pub drain: Drain,
    /// How long a drain may take.
    pub tuning: Tuning,
}

impl Handover {
    /// Runs until `stopped`.
    pub(in crate::proxy) async fn run(self, stopped: CancellationToken) {
        let work = async {
            loop {
                self.serve().await;
                self.give_away().await;
            }
        };
        let _ = stopped.run_until_cancelled(work).await;
    }

    /// Whether this proxy is to give away what it has.
    pub(super) fn is_wanted(&self) -> bool {
        // That it leaves it knows by itself: what the table says of that may be of an epoch before this process.
        self.drain.is_leaving() || self.store.with_table(|table| table.drain(self.me) == Some(Mark::Ordered))
    }

    /// The tunnels that are not about to go by themselves.
    pub(super) fn held(&self) -> (Vec<Arc<Tunnel>>, Vec<Held>) {
        let tunnels = self.tunnels.wanted();
        let held = tunnels.iter().map(|tunnel| Held { agent: tunnel.agent.clone(), sequence: tunnel.sequence }).collect();
        (tunnels, held)
    }

    /// What is known of where else agents are.
    pub(super) fn elsewhere<'a>(&'a self, table: &'a Table) -> impl Fn(&AgentName) -> Vec<ProxyId> + use<'a> {
        |agent| table.routes_of(agent).map(|route| route.proxy).filter(|proxy| *proxy != self.me).collect()
    }

    /// Levels until a drain is wanted.
    async fn serve(&self) {
        let mut applied = self.store.applied();
        let wanted = async {
            loop {
                applied.mark_unchanged();
                if self.is_wanted() {
                    return;
                }
                tokio::select! {
                    Ok(()) = applied.changed() => {}
                    () = self.drain.leaving() => {}
                }
            }
        };
        tokio::select! {
            () = wanted => {}
            () = Leveller::new(self).run() => {}
        }
    }

    /// Drains, until that is taken back or the proxy stops.
    async fn give_away(&self) {
        loop {
            self.drain.enter(Phase::Draining);
            reached!("proxy.drain_begun");
            let (streams, tunnels) = (self.metrics.streams().running(), self.tunnels.all().len());
            tracing::info!(streams, tunnels, timeout = ?self.tuning.now().drain_timeout, "draining");
            let mut round = Round::new(self);
            self.mark().await;
            let (ended, ()) = tokio::join!(round.run(), self.hand_leadership_on());
            let ended = match ended {
                Ended::Done | Ended::Deadline => {
                    self.end(ended).await;
                    round.linger().await
                }
                ended @ (Ended::Resumed | Ended::Told) => ended,
            };
            if ended == Ended::Resumed {
                tracing::info!(tunnels = self.tunnels.all().len(), "this proxy takes tunnels again");
                return self.drain.enter(Phase::Serving);
            }
        }
    }

    /// Cuts what is left, and says so.
    async fn end(&self, ended: Ended) {
        let mut cut = 0;
        if ended == Ended::Deadline {
            cut = if self.drain.is_leaving() { self.cut_all() } else { self.cut_moved() };
            self.drain.cut(cut);
            let is_gone = async {
                while self.tunnels.all().iter().any(|tunnel| !tunnel.is_live()) {
                    sleep(STEP).await;
                }
            };
            // What is shown of the drain is to be true once it is over.
            let _ = Budget::new(GONE).run(is_gone).await;
        }
        let tunnels = self.tunnels.wanted().len();
        if cut > 0 {
            tracing::warn!(cut_streams = cut, tunnels, "drained: the streams that were left at the deadline were cut");
        } else {
            tracing::info!(tunnels, "drained: no stream was cut");
        }
        self.drain.enter(Phase::Drained);
        reached!("proxy.drained");
        if self.drain.is_leaving() {
            self.drain.leave();
        }
    }

    /// Cuts everything, as is due where the proxy is to stop, and tells how many streams that is.
    fn cut_all(&self) -> u64 {
        self.drain.entering().shut();
        let cut = self.metrics.streams().cut();
        self.tunnels.all().iter().for_each(|tunnel| Close::LEAVING.close(&tunnel.connection));
        cut
    }

    /// Cuts what runs over the tunnels of agents that have another one, and tells how many streams that is. An agent that has none would only be out of reach until it comes
    /// back here.
    fn cut_moved(&self) -> u64 {
        let table = self.store.table();
        let has_moved = |tunnel: &Arc<Tunnel>| table.routes_of(&tunnel.agent).any(|route| route.proxy != self.me);
        let (moved, stay): (Vec<_>, Vec<_>) = self.tunnels.all().into_iter().partition(has_moved);
        for tunnel in stay {
            tracing::warn!(agent = %tunnel.agent, "the agent reaches no other proxy: its tunnel stays");
        }
        moved.iter().map(|tunnel| tunnel.cut()).sum()
    }

    /// Has everybody know that this proxy is about to go, unless they do: before anything moves, so that nobody moves here.
    async fn mark(&self) {
        let LeaseState::Held(epoch) = *self.store.lease().borrow() else { return };
        let is_known = match self.store.table().drain(self.me) {
            Some(Mark::Ordered) => true,
            Some(Mark::Leaving(of)) => of == epoch,
            None => false,
        };
        if !self.drain.is_leaving() || is_known {
            return;
        }
        let command = Command::DrainProxy { proxy: self.me, drain: Mark::Leaving(epoch) };
        if let Err(error) = self.store.propose(command, MARK).await {
            tracing::warn!(%error, "the others were not told that this proxy is draining");
        }
    }

    /// Has another voter lead: that costs writes milliseconds, where the loss of a leader would cost an election.
    async fn hand_leadership_on(&self) {
        let status = self.store.status();
        let table = self.store.table();
        let others = status.voters.iter().filter(|id| **id != self.me).map(|id| table.is_draining(*id));
        if status.leader != Some(self.me) || !hands_on(self.drain.is_leaving(), others) {
            return;
        }
        match self.store.transfer_leadership(None, HAND_ON).await {
            Ok((_, to)) => tracing::info!(%to, "leadership was handed over"),
            Err(error) => tracing::warn!(%error, "leadership was not handed over: the others elect a leader once this one has gone"),
        }
    }
}

/// Whether a leader that drains has another voter lead, by which of the others drain, too. One that stays up keeps the lead where all do: it
/// would pass it from one to the next.
fn hands_on(is_leaving: bool, mut others: impl Iterator<Item = bool>) -> bool {
    others.any(|is_draining| is_leaving || !is_draining)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lead_is_not_passed_round_among_those_that_drain() {
        let table: [(bool, &[bool], bool); 7] = [
            (false, &[], false),
            (true, &[], false),
            (false, &[false, false], true),
            (false, &[true, false], true),
            (false, &[true, true], false),
            (true, &[true, true], true),
            (true, &[true, false], true),
        ];
        for (is_leaving, others, expected) in table {
            assert_eq!(hands_on(is_leaving, others.iter().copied()), expected, "{is_leaving} {others:?}");
        }
    }
}
