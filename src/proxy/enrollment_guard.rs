//! Tries to enrol that fail: counted, slowed down by where they come from, shown.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use crate::failure::{Failure, Stage};
use crate::limits::guesses::Guesses;
use crate::limits::{Limit, Limits, Reached};

/// How a try to enrol ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The machine has its certificate.
    Enrolled,
    /// It was refused.
    Refused,
    /// Nobody could say, since there is no quorum or no room.
    Failed,
    /// Too many tries from there had been refused.
    Limited,
    /// The machine went away while its token was looked at: it counts as one that was refused, since whoever tries tokens would do that to be tried again.
    Left,
    /// It went away when its token had been found good.
    LeftAdmitted,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: &'static str,
}

/// Looks after the door by which machines enrol. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct EnrollmentGuard {
    guesses: Arc<Mutex<Guesses>>,
    counted: Family<Labels, Counter>,
    reached: Reached,
}

impl EnrollmentGuard {
    /// Nobody has come yet. Shows what it counts in `registry`.
    pub(super) fn new(limits: &Limits, reached: Reached, registry: &mut Registry) -> Self {
        let per_minute = u32::try_from(limits.failed_enrollments_per_source).unwrap_or(u32::MAX);
        let guesses = Arc::new(Mutex::new(Guesses::new(per_minute, Instant::now())));
        let guard = Self { guesses, counted: Family::default(), reached };
        for outcome in [Outcome::Enrolled, Outcome::Refused, Outcome::Failed, Outcome::Limited, Outcome::Left] {
            drop(guard.counter(outcome));
        }
        let registry = registry.sub_registry_with_prefix("warren");
        registry.register("enrollments", "Tries of machines to enrol, by outcome", guard.counted.clone());
        guard
    }

    /// Whether a try from there is looked at now.
    ///
    /// # Errors
    /// What the machine is told otherwise.
    pub(super) fn admit(&self, from: IpAddr) -> Result<(), Failure> {
        let Some(wait) = self.lock().wait(from.into(), Instant::now()) else { return Ok(()) };
        self.counter(Outcome::Limited).inc();
        let message = "too many tries to enrol from this address have failed";
        let failure = self.reached.refuse(Limit::FailedEnrollmentsPerSource, Stage::Ingress, message);
        Err(failure.with_cause(format!("the next one is looked at in {} s, whatever token it has", wait.as_secs() + 1)))
    }

    /// Notes how a try from there has ended.
    pub(super) fn ended(&self, from: IpAddr, outcome: Outcome) {
        self.counter(outcome).inc();
        if matches!(outcome, Outcome::Refused | Outcome::Left) {
            self.lock().failed(from.into(), Instant::now());
        }
    }

    /// Whether a refusal may show in the log, and how many have not since the last: strangers choose how many there are.
    pub(super) fn may_say(&self) -> Option<u64> {
        self.lock().may_say(Instant::now())
    }

    /// How many tries were refused in the last ten minutes, and from how many places at most.
    pub(super) fn recent(&self) -> (u64, usize) {
        let mut guesses = self.lock();
        (guesses.recent(Instant::now()), guesses.sources())
    }

    fn counter(&self, outcome: Outcome) -> Counter {
        let outcome = match outcome {
            Outcome::Enrolled => "enrolled",
            Outcome::Refused => "refused",
            Outcome::Failed => "failed",
            Outcome::Limited => "limited",
            Outcome::Left | Outcome::LeftAdmitted => "left",
        };
        self.counted.get_or_create(&Labels { outcome }).clone()
    }

    fn lock(&self) -> MutexGuard<'_, Guesses> {
        self.guesses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
