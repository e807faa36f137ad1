//! What is counted and said when a bound is reached.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use super::Limit;
use crate::failure::{Code, Failure, Stage};

/// How often one limit may show in the log: whoever reaches it chooses how often that happens.
const QUIET: Duration = Duration::from_secs(60);

/// Counts how often each limit was reached. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reached {
    counted: Family<Labels, Counter>,
    said: Arc<Mutex<BTreeMap<Limit, Instant>>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    limit: &'static str,
}

impl Default for Reached {
    fn default() -> Self {
        let counted = Family::<Labels, Counter>::default();
        // Shown from the beginning, so that nobody has to guess what they will be called.
        for limit in Limit::ALL {
            drop(counted.get_or_create(&Labels { limit: limit.as_str() }));
        }
        Self { counted, said: Arc::default() }
    }
}

impl Reached {
    /// Shows the counters in `registry`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("limit_reached", "How often each key of `[limits]` was reached", self.counted.clone());
    }

    /// Notes that somebody has reached `limit`.
    pub fn note(&self, limit: Limit) {
        self.counted.get_or_create(&Labels { limit: limit.as_str() }).inc();
        if self.may_say(limit, Instant::now()) {
            tracing::warn!(%limit, "a limit is reached: `warren_limit_reached_total` counts how often");
        }
    }

    /// The same, with what whoever reached it is to be told.
    pub fn refuse(&self, limit: Limit, stage: Stage, message: impl Into<String>) -> Failure {
        self.note(limit);
        failure(limit, stage, message)
    }

    /// How often it was reached.
    pub fn count(&self, limit: Limit) -> u64 {
        self.counted.get_or_create(&Labels { limit: limit.as_str() }).get()
    }

    fn may_say(&self, limit: Limit, now: Instant) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let may = said.get(&limit).is_none_or(|last| now >= *last + QUIET);
        if may {
            said.insert(limit, now);
        }
        may
    }
}

/// What whoever has reached a limit is told.
pub fn failure(limit: Limit, stage: Stage, message: impl Into<String>) -> Failure {
    Failure::new(Code::LimitReached, stage, message).with_hint(format!("`[limits] {limit}` in the proxy's configuration is the bound"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_shows_in_the_log_once_in_a_while_and_each_by_itself() {
        let (reached, now) = (Reached::default(), Instant::now());
        assert!(reached.may_say(Limit::Handshakes, now));
        assert!(!reached.may_say(Limit::Handshakes, now + QUIET / 2));
        assert!(reached.may_say(Limit::Enrollments, now + QUIET / 2));
        assert!(reached.may_say(Limit::Handshakes, now + QUIET));
    }

    #[test]
    fn every_limit_is_shown_before_it_is_reached() {
        let (mut registry, reached) = (Registry::default(), Reached::default());
        reached.register(&mut registry);
        let failure = reached.refuse(Limit::DialsPerClient, Stage::Ingress, "too many dials");
        assert_eq!((failure.code(), reached.count(Limit::DialsPerClient)), (Code::LimitReached, 1));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("written");
        for limit in Limit::ALL {
            let times = u8::from(limit == Limit::DialsPerClient);
            assert!(text.contains(&format!("limit_reached_total{{limit=\"{limit}\"}} {times}\n")), "{text}");
        }
    }
}
