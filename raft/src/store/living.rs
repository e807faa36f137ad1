//! Keeps this proxy alive in the table: an epoch, its lease, and a new epoch whenever one is over.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::core::Core;
use super::error::ProposeError;
use super::message::{LeaderAnswer, LeaderRequest};
use super::proposer::Proposer;
use super::runtime::jitter;
use super::status::LeaseState;
use crate::command::{Accepted, Command, ProxyStart, Rejection};
use crate::lease::{Holder, Step};
use crate::reached;

/// How long one proposal to start is waited for. A new member may first have to catch up.
const START_DEADLINE: Duration = Duration::from_secs(30);

/// The life of this proxy.
pub(crate) struct Living {
    core: Arc<Core>,
    proposer: Proposer,
    start: ProxyStart,
    holder: Holder,
    shown: watch::Sender<LeaseState>,
}

impl Living {
    pub(crate) fn new(core: Arc<Core>, proposer: Proposer, start: ProxyStart, shown: watch::Sender<LeaseState>) -> Self {
        let holder = Holder::new(core.config.lease);
        Self { core, proposer, start, holder, shown }
    }

    /// Lives until it is dropped.
    pub(crate) async fn run(mut self) {
        loop {
            match self.holder.step() {
                Step::Start => self.begin().await,
                Step::Renew(epoch, at) => {
                    self.showing(sleep_until(at)).await;
                    let asked = Instant::now();
                    let interval = self.holder.interval();
                    let core = Arc::clone(&self.core);
                    let request = LeaderRequest::Renew(epoch);
                    match self.showing(async move { core.ask_leader(&request, interval).await }).await {
                        Ok(LeaderAnswer::Renewed) => self.holder.renewed(asked),
                        Ok(LeaderAnswer::EpochOver) => self.holder.over(),
                        Ok(
                            LeaderAnswer::Proposed { .. }
                            | LeaderAnswer::ReadIndex(_)
                            | LeaderAnswer::HandedOver(_)
                            | LeaderAnswer::Removable(_),
                        )
                        | Err(_) => self.retry(),
                    }
                }
            }
            self.show();
        }
    }

    async fn begin(&mut self) {
        let asked = Instant::now();
        match self.proposer.propose(Command::StartProxy(self.start.clone()), START_DEADLINE).await {
            Ok(committed) => match committed.answer {
                Accepted::Epoch(epoch) => {
                    tracing::info!(%epoch, "this proxy has a new epoch");
                    reached!("raft.epoch_begun");
                    self.holder.started(epoch, asked);
                }
                Accepted::Done | Accepted::Enrolled { .. } => {}
            },
            Err(error) => {
                if let ProposeError::Rejected(rejection @ Rejection::LevelTooLow { .. }) = &error {
                    self.core.failure.report(rejection.to_string());
                }
                tracing::warn!(%error, "this proxy could not be started in the table");
                sleep_until(Instant::now() + self.pause()).await;
            }
        }
    }

    fn retry(&mut self) {
        self.core.missed_renewals.fetch_add(1, Ordering::Relaxed);
        self.holder.unanswered(Instant::now() + self.pause());
    }

    fn pause(&self) -> Duration {
        let least = self.holder.interval() / 4;
        least + jitter(least)
    }

    /// Waits for `work`, and shows the loss of the lease should it come meanwhile.
    async fn showing<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        if let Some(until) = self.holder.until().filter(|_| self.holder.held(Instant::now()).is_some()) {
            if let Ok(outcome) = timeout_at(until, work.as_mut()).await {
                return outcome;
            }
            self.show();
        }
        work.await
    }

    fn show(&self) {
        let state = self.holder.held(Instant::now()).map_or(LeaseState::Lost, LeaseState::Held);
        self.shown.send_if_modified(|shown| {
            let changed = *shown != state;
            if changed && state == LeaseState::Lost {
                tracing::warn!("this proxy has lost its lease");
                reached!("raft.lease_lost");
            }
            *shown = state;
            changed
        });
    }
}
