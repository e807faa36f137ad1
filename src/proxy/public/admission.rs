//! Which tunnels are taken now, and when those that are not may come back.
//!
//! ```text
//!  hello --draining, and another proxy is there--> refused, once: an agent that comes back without a tunnel anywhere has found no other
//!    \------too many are being registered--------> refused, to come back when the others are through
//!     \-------------------------------------------> a place among those that are being registered
//! ```

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::Rng;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use warren_raft::{AgentName, ProxyId, Table};

use crate::failure::{Code, Failure, Stage};
use crate::limits::{Limit, Limits};
use crate::proxy::handover::{Drain, is_open};
use crate::proxy::metrics::Metrics;
use crate::proxy::tunnel_metrics::Refused;

/// How many tunnels a proxy takes in per second and core, as far as those it has refused need to know.
const PER_SECOND: f64 = 500.0;
/// How long those who are refused while nobody else is stay away at most.
const SHORT: Duration = Duration::from_secs(1);
/// How long anybody who is refused stays away at most.
const LONG: Duration = Duration::from_secs(30);
/// How long it is remembered that an agent was sent elsewhere.
const TURNED_AWAY: Duration = Duration::from_secs(30);
/// Most agents that were sent elsewhere and are remembered.
const MAX_TURNED_AWAY: usize = 20_000;

/// Decides on new tunnels.
#[derive(Debug)]
pub(in crate::proxy) struct Admission {
    drain: Drain,
    metrics: Metrics,
    registering: Arc<Semaphore>,
    turned_away: Mutex<TurnedAway>,
    backlog: Mutex<Backlog>,
}

/// A place among the tunnels that are being registered, given back when dropped.
#[derive(Debug)]
pub(super) struct Place(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

impl Admission {
    /// For a proxy whose drain is this one.
    pub(in crate::proxy) fn new(drain: Drain, metrics: Metrics, limits: &Limits) -> Self {
        Self {
            drain,
            metrics,
            registering: Arc::new(Semaphore::new(limits.registrations)),
            turned_away: Mutex::default(),
            backlog: Mutex::new(Backlog::new(Instant::now())),
        }
    }

    /// A place for a tunnel that `agent` offers to `me`.
    ///
    /// # Errors
    /// Why it is not taken now.
    pub(super) fn place(&self, agent: &AgentName, (table, me): (&Table, ProxyId)) -> Result<Place, Failure> {
        if self.drain.is_on() && !self.must_take(agent, (table, me)) {
            self.metrics.tunnels().refused(Refused::Draining);
            return Err(refused(
                "this proxy is draining",
                "the agent looks for another; give it the address of one that is up (`--proxy`) if this goes on",
            ));
        }
        self.registering.clone().try_acquire_owned().map(Place).map_err(|_| {
            self.metrics.tunnels().refused(Refused::Busy);
            self.metrics.reached().note(Limit::Registrations);
            refused("too many tunnels are being registered here", "it is tried again")
        })
    }

    /// When an agent that is refused now may try again here: those who were refused together are spread over the time that taking them in takes.
    pub(super) fn retry_after(&self, rng: &mut impl Rng) -> Duration {
        self.backlog.lock().unwrap_or_else(PoisonError::into_inner).retry_after(Instant::now(), rng)
    }

    /// Whether an agent finds no other proxy than this one, though it drains.
    fn must_take(&self, agent: &AgentName, (table, me): (&Table, ProxyId)) -> bool {
        let mut turned_away = self.turned_away.lock().unwrap_or_else(PoisonError::into_inner);
        turned_away.must_take(agent, (table, me), Instant::now())
    }
}

fn refused(message: &str, hint: &str) -> Failure {
    Failure::new(Code::LimitReached, Stage::Ingress, message).with_hint(hint)
}

/// Agents that were sent elsewhere a while ago.
#[derive(Debug, Default)]
pub(super) struct TurnedAway(BTreeMap<AgentName, Instant>);

impl TurnedAway {
    /// Whether `agent` finds no other proxy than `me`, which drains.
    pub(super) fn must_take(&mut self, agent: &AgentName, (table, me): (&Table, ProxyId), now: Instant) -> bool {
        let is_alone = !table.proxies().any(|(id, proxy)| id != me && is_open(table, id, proxy));
        let is_held = table.routes_of(agent).any(|route| route.proxy != me);
        is_alone || (!is_held && self.is_back(agent, now))
    }

    /// Whether an agent was sent elsewhere a while ago and is back; if not, it is now.
    fn is_back(&mut self, agent: &AgentName, now: Instant) -> bool {
        if self.0.get(agent).is_some_and(|at| now < *at + TURNED_AWAY) {
            return true;
        }
        if self.0.len() >= MAX_TURNED_AWAY {
            self.0.retain(|_, at| now < *at + TURNED_AWAY);
        }
        if self.0.len() < MAX_TURNED_AWAY {
            self.0.insert(agent.clone(), now);
        }
        false
    }
}

/// How many were refused and are not back yet, as far as can be told: they come as fast as they were told to.
#[derive(Debug)]
pub(super) struct Backlog {
    refused: f64,
    at: Instant,
}

impl Backlog {
    /// Nobody was refused.
    pub(super) fn new(now: Instant) -> Self {
        Self { refused: 0.0, at: now }
    }

    /// When somebody who is refused now may try again.
    pub(super) fn retry_after(&mut self, now: Instant, rng: &mut impl Rng) -> Duration {
        self.add(now).mul_f64(rng.random_range(0.2..1.0))
    }

    /// One more is refused: how long it may have to stay away.
    fn add(&mut self, now: Instant) -> Duration {
        let passed = now.saturating_duration_since(self.at).as_secs_f64() * PER_SECOND;
        self.refused = (self.refused - passed).max(0.0) + 1.0;
        self.at = now;
        (SHORT + Duration::from_secs_f64(self.refused / PER_SECOND)).min(LONG)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: usize) -> AgentName {
        format!("a{number}").parse().expect("a name")
    }

    #[test]
    fn those_refused_together_are_spread_over_the_time_it_takes() {
        let now = Instant::now();
        let mut backlog = Backlog::new(now);
        assert!(backlog.add(now) < SHORT * 2, "a single one is soon back");
        let last = (0..5_000).fold(Duration::ZERO, |_, _| backlog.add(now));
        assert!(last > Duration::from_secs(10) && last < Duration::from_secs(12), "{last:?}");
        let last = (0..100_000).fold(Duration::ZERO, |_, _| backlog.add(now));
        assert_eq!(last, LONG);
        assert!(backlog.add(now + Duration::from_secs(300)) < SHORT * 2, "and all of them were");
    }

    #[test]
    fn whoever_comes_back_has_found_no_other_proxy() {
        let (mut turned_away, now) = (TurnedAway::default(), Instant::now());
        assert!(!turned_away.is_back(&name(0), now));
        assert!(turned_away.is_back(&name(0), now + TURNED_AWAY / 2));
        assert!(!turned_away.is_back(&name(0), now + TURNED_AWAY), "that is another matter");
        for number in 0..MAX_TURNED_AWAY * 2 {
            turned_away.is_back(&name(number), now + TURNED_AWAY);
        }
        assert_eq!(turned_away.0.len(), MAX_TURNED_AWAY);
        assert!(!turned_away.is_back(&name(MAX_TURNED_AWAY), now + TURNED_AWAY * 3));
        assert_eq!(turned_away.0.len(), 1, "the old ones make room");
    }
}
