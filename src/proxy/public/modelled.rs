//! The door of one proxy without connections and tasks: the production's cores, for a model (`crate::model`).

use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::time::Instant;
use warren_raft::{AgentName, ProxyId, Table};

use super::admission::{Backlog, TurnedAway};
use super::members::cluster_view;
use super::pulse::pulse_ms;
use crate::limits::Limits;
use crate::wire::ClusterView;

/// Who is let in.
#[derive(Debug)]
pub(crate) struct ModelledDoor {
    handshakes: usize,
    registering: usize,
    turned_away: TurnedAway,
    backlog: Backlog,
    pulse_ms: u32,
    rng: StdRng,
}

/// What an agent hears that has said hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Its route is registered: give the place back by [`ModelledDoor::registered`].
    Taken,
    /// It is to come again after this, or to look elsewhere.
    Refused(Duration),
}

impl ModelledDoor {
    /// Nobody has come yet.
    pub(crate) fn new(now: Instant, seed: u64) -> Self {
        let (turned_away, backlog, rng) = (TurnedAway::default(), Backlog::new(now), StdRng::seed_from_u64(seed));
        Self { handshakes: 0, registering: 0, turned_away, backlog, pulse_ms: 0, rng }
    }

    /// Whether a handshake may begin: give its place back by [`shaken`](Self::shaken).
    pub(crate) fn knocks(&mut self) -> bool {
        let is_admitted = self.handshakes < Limits::default().handshakes;
        self.handshakes += usize::from(is_admitted);
        is_admitted
    }

    /// A handshake is over.
    pub(crate) fn shaken(&mut self) {
        self.handshakes -= 1;
    }

    /// What an agent hears that offers a tunnel to `me`, which drains or not.
    pub(crate) fn hello(&mut self, agent: &AgentName, (table, me): (&Table, ProxyId), now: Instant) -> Answer {
        let is_welcome = !table.is_draining(me) || self.turned_away.must_take(agent, (table, me), now);
        if is_welcome && self.registering < Limits::default().registrations {
            self.registering += 1;
            return Answer::Taken;
        }
        Answer::Refused(self.backlog.retry_after(now, &mut self.rng))
    }

    /// A tunnel that was taken is registered, or will never be.
    pub(crate) fn registered(&mut self) {
        self.registering -= 1;
    }

    /// After how much silence its agents ask for a sign of life now that it holds so many tunnels, if that is news.
    pub(crate) fn pulse(&mut self, tunnels: u64) -> Option<u32> {
        let now = pulse_ms(tunnels, self.pulse_ms);
        let told = std::mem::replace(&mut self.pulse_ms, now);
        (told != now).then_some(now)
    }
}

/// After how much silence the agents of a proxy with so many tunnels ask for a sign of life.
pub(crate) fn pulse(tunnels: u64) -> Duration {
    Duration::from_millis(u64::from(pulse_ms(tunnels, 0)))
}

/// What agents are told of the cluster in a version of the table, but for the pulse.
pub(crate) fn view(table: &Table, index: u64) -> ClusterView {
    cluster_view(table, index)
}
