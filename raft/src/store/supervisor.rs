//! Keeps openraft running on the member's disk: ends it when the disk refuses, and starts it again when there is room.
//!
//! ```text
//!   running --full disk--> waiting --tried again, with backoff--> running
//!      |                      |
//!      +--any other error-----+--> failed: the process has to end
//! ```
//! What was acknowledged is on the disk, so an instance may be ended at any moment; one that led names its successor. It must *never* go on with one that has seen an
//! error of its disk: what that disk holds is only known once it was opened and read anew.

use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::core::Core;
use super::health::{DiskState, Outage};
use super::opening::Instance;
use super::runtime::jitter;
use super::types::Metrics;
use crate::disk::writer::HANG;
use crate::disk::{DiskError, Fault, OpenError, Volume};
use crate::{mutant, reached};

/// The shortest wait before a full disk is tried again.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest: so long may a proxy stay away at most after there is room again.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Owns the instances of openraft, one after the other.
pub(crate) struct Supervisor {
    pub(crate) core: Arc<Core>,
    pub(crate) volume: Arc<dyn Volume>,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}

/// Why an instance has ended.
enum End {
    /// The member stops.
    Stopped,
    /// Its disk refused.
    Disk(DiskError),
    /// Anything else.
    Failed(String),
}

impl Supervisor {
    /// Runs until the member stops, and closes its disk.
    pub(crate) async fn run(self, first: Instance) {
        let mut instance = first;
        loop {
            self.core.engine.put(instance.raft.clone());
            let (end, last) = self.watch(&instance).await;
            self.core.engine.take();
            if !matches!(end, End::Stopped) {
                self.core.bequeath(&last).await;
            }
            let next = match end {
                End::Stopped => {
                    instance.close().await;
                    return;
                }
                End::Disk(error) if error.fault == Fault::Full => {
                    self.begin(DiskState::Full, &error.to_string());
                    instance.close().await;
                    self.wait_for_room().await
                }
                End::Disk(error) => {
                    self.fail(error.to_string());
                    instance.abandon().await;
                    return;
                }
                End::Failed(reason) => {
                    self.fail(reason);
                    instance.abandon().await;
                    return;
                }
            };
            match next {
                Some(next) => instance = next,
                None => return,
            }
            self.core.disk.send_replace(DiskState::Writable);
        }
    }

    /// Shows what the instance says of itself until it ends; also returns what it said last while it ran.
    async fn watch(&self, instance: &Instance) -> (End, Metrics) {
        let mut last = instance.raft.metrics().borrow().clone();
        let end = self.watch_for_end(instance, &mut last).await;
        (end, last)
    }

    async fn watch_for_end(&self, Instance { raft, writer }: &Instance, last: &mut Metrics) -> End {
        let mut metrics = raft.metrics();
        let (mut broken, mut hung) = (pin!(writer.broken()), pin!(writer.hung()));
        loop {
            let newest = metrics.borrow_and_update().clone();
            let fatal = newest.running_state.clone().err();
            if fatal.is_none() {
                *last = newest.clone();
            }
            #[cfg(simulation)]
            super::promises::stands(&newest, self.core.incarnation());
            self.core.engine.show(newest);
            tokio::select! {
                biased;
                // Whoever stops it knows.
                () = self.stop.cancelled() => return End::Stopped,
                error = &mut broken => return End::Disk(error),
                reason = &mut hung => return End::Failed(reason),
                () = std::future::ready(()), if fatal.is_some() => {
                    return End::Failed(fatal.map(|fatal| fatal.to_string()).unwrap_or_default());
                }
                changed = metrics.changed() => if changed.is_err() { return End::Failed("openraft has ended".to_owned()) },
            }
        }
    }

    /// Tries to open the disk again until that works; `None` when the member stops or cannot go on.
    async fn wait_for_room(&self) -> Option<Instance> {
        let begun = Instant::now();
        let mut wait = FIRST_WAIT;
        loop {
            self.stop.run_until_cancelled(sleep(wait + jitter(wait / 4))).await?;
            wait = (wait * 2).min(LONGEST_WAIT);
            match Instance::open(&self.core, Arc::clone(&self.volume), &self.tasks).await {
                Ok(instance) => {
                    let lasted = begun.elapsed().as_secs();
                    tracing::info!(store = self.volume.location(), lasted_seconds = lasted, "the disk of the store takes writes again");
                    return Some(instance);
                }
                Err(error) => {
                    if self.refused(&error, begun.elapsed()).is_break() {
                        return None;
                    }
                }
            }
        }
    }

    /// Whether a disk that did not open may be tried again.
    fn refused(&self, error: &OpenError, tried_for: Duration) -> ControlFlow<()> {
        let may_pass = match error {
            OpenError::Disk(error) => error.fault == Fault::Full,
            // It is this process that has not let go yet: no other gets past the data directory's lock.
            OpenError::InUse { .. } => tried_for < HANG,
            OpenError::Io { .. }
            | OpenError::Damaged { .. }
            | OpenError::OtherProxy { .. }
            | OpenError::Reverted { .. }
            | OpenError::Behind { .. }
            | OpenError::Format { .. }
            | OpenError::Outdated { .. }
            | OpenError::Settings(_) => false,
        };
        if may_pass {
            tracing::debug!(%error, "still no room");
            self.say(&error.to_string());
            return ControlFlow::Continue(());
        }
        self.fail(error.to_string());
        ControlFlow::Break(())
    }

    fn begin(&self, state: fn(Outage) -> DiskState, reason: &str) {
        reached!("raft.disk_full");
        tracing::error!(reason, "the disk of the store takes no writes; the table stays readable, and it is tried again");
        self.core.disk.send_replace(state(self.outage(reason)));
    }

    /// What is free changes while it lasts, and what is needed to go on is more than what was missing when it began.
    fn say(&self, newest: &str) {
        self.core.disk.send_if_modified(|state| match state {
            DiskState::Full(outage) if outage.reason != newest => {
                newest.clone_into(&mut outage.reason);
                true
            }
            DiskState::Full(_) | DiskState::Writable | DiskState::Failed(_) => false,
        });
    }

    fn outage(&self, reason: &str) -> Outage {
        Outage { location: self.volume.location(), reason: reason.to_owned(), since: Instant::now() }
    }

    fn fail(&self, reason: String) {
        reached!("raft.disk_failed");
        if mutant!("fatal_ignored") {
            return;
        }
        let outage = self.outage(&reason);
        // The failure first: whoever waits for an answer is told that the store has stopped, and not that it will go on.
        self.core.failure.report(reason);
        self.core.disk.send_replace(DiskState::Failed(outage));
    }
}
