//! Turns the commands of this member into proposals: everything that waits becomes one, and one is on its way at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::core::Core;
use super::error::ProposeError;
use super::message::{LeaderAnswer, LeaderRequest};
use super::status::Committed;
use crate::command::{Accepted, Command, Proposal, Rejection};

/// Most commands that wait in each lane.
const QUEUE: usize = 8_192;
/// Most commands of one proposal.
pub const BATCH: usize = 1_024;
/// Most of them from the fast lane while others wait.
pub const FAST: usize = 768;
/// Most bytes of one proposal's commands.
pub const BATCH_BYTES: usize = 512 * 1024;

type Outcome = Result<(u64, Accepted), Rejection>;

struct Pending {
    command: Command,
    bytes: usize,
    until: Instant,
    reply: oneshot::Sender<Outcome>,
}

/// Where commands wait, in two lanes: what ends or begins a life is never behind a flood of what only adds.
#[derive(Clone)]
pub(crate) struct Proposer {
    fast: mpsc::Sender<Pending>,
    slow: mpsc::Sender<Pending>,
}

/// The other end of it.
pub(crate) struct Queue {
    fast: Lane,
    slow: Lane,
}

impl Proposer {
    pub(crate) fn new() -> (Self, Queue) {
        let (fast, waiting_fast) = mpsc::channel(QUEUE);
        let (slow, waiting_slow) = mpsc::channel(QUEUE);
        (Self { fast, slow }, Queue { fast: Lane::new(waiting_fast), slow: Lane::new(waiting_slow) })
    }

    /// Commits a command; the caller watches for the store's failure.
    pub(crate) async fn propose(&self, command: Command, deadline: Duration) -> Result<Committed, ProposeError> {
        let bytes = postcard::experimental::serialized_size(&command).unwrap_or(usize::MAX);
        if bytes > BATCH_BYTES {
            let limit = BATCH_BYTES as u64;
            return Err(Rejection::TooMany { what: "bytes in one change".to_owned(), limit }.into());
        }
        let (reply, outcome) = oneshot::channel();
        let until = Instant::now() + deadline;
        let lane = if command.is_urgent() { &self.fast } else { &self.slow };
        lane.try_send(Pending { command, bytes, until, reply }).map_err(|error| match error {
            TrySendError::Full(_) => ProposeError::QueueFull(QUEUE),
            TrySendError::Closed(_) => ProposeError::Stopped("it was shut down".to_owned()),
        })?;
        match timeout_at(until, outcome).await {
            Ok(Ok(outcome)) => Ok(outcome.map(|(index, answer)| Committed { index, answer })?),
            Ok(Err(_)) | Err(_) => Err(ProposeError::NoQuorum(deadline)),
        }
    }
}

impl Queue {
    /// Proposes whatever is waiting, again and again.
    pub(crate) async fn run(mut self, core: Arc<Core>) {
        let mut number = 0;
        while let Some(batch) = self.next_batch().await {
            number += 1;
            propose(&core, number, batch).await;
        }
    }

    /// What goes into the next proposal; waits for the first of it.
    async fn next_batch(&mut self) -> Option<Vec<Pending>> {
        let mut batch = Batch::default();
        while batch.pending.is_empty() {
            tokio::select! {
                biased;
                ready = self.fast.ready() => ready?,
                ready = self.slow.ready() => ready?,
            }
            batch.take(&mut self.fast, FAST);
            batch.take(&mut self.slow, BATCH);
            batch.take(&mut self.fast, BATCH);
        }
        Some(batch.pending)
    }
}

/// One lane's commands, and the one that did not fit into the last proposal.
struct Lane {
    waiting: mpsc::Receiver<Pending>,
    first: Option<Pending>,
}

impl Lane {
    fn new(waiting: mpsc::Receiver<Pending>) -> Self {
        Self { waiting, first: None }
    }

    /// Waits for a command; `None` when none will come any more.
    async fn ready(&mut self) -> Option<()> {
        if self.first.is_none() {
            self.first = Some(self.waiting.recv().await?);
        }
        Some(())
    }

    fn next(&mut self) -> Option<Pending> {
        self.first.take().or_else(|| self.waiting.try_recv().ok())
    }
}

/// A proposal in the making.
#[derive(Default)]
struct Batch {
    pending: Vec<Pending>,
    bytes: usize,
}

impl Batch {
    /// Takes commands out of a lane until there are `most` or no more fit.
    fn take(&mut self, lane: &mut Lane, most: usize) {
        while self.pending.len() < most {
            match lane.next() {
                // Its caller has given up before it was ever sent.
                Some(next) if next.reply.is_closed() => {}
                Some(next) if self.bytes + next.bytes > BATCH_BYTES => {
                    lane.first = Some(next);
                    return;
                }
                Some(next) => {
                    self.bytes += next.bytes;
                    self.pending.push(next);
                }
                None => return,
            }
        }
    }
}

/// Commits one proposal and tells the callers. It is given up when the last of them has gone.
async fn propose(core: &Core, number: u64, batch: Vec<Pending>) {
    let Some(until) = batch.iter().map(|pending| pending.until).max() else { return };
    let (commands, replies): (Vec<_>, Vec<_>) = batch.into_iter().map(|pending| (pending.command, pending.reply)).unzip();
    let proposal = Proposal { proposer: core.config.id, incarnation: core.incarnation(), number, at: (core.config.wall)(), commands };
    let Some(LeaderAnswer::Proposed { index, answers }) = core.insist(&LeaderRequest::Propose(proposal), until).await else { return };
    let mut accepted = Vec::new();
    for (reply, answer) in replies.into_iter().zip(answers) {
        match answer {
            Ok(answer) => accepted.push((reply, answer)),
            // There is nothing to wait for, and a proxy that is not taken in never applies anything. A caller may have given up.
            Err(rejection) => drop(reply.send(Err(rejection))),
        }
    }
    if !accepted.is_empty() && core.applied_if_writable(index, until).await {
        for (reply, answer) in accepted {
            let _ = reply.send(Ok((index, answer)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Epoch, ProxyId, Sequence, TokenId};

    const LONG: Duration = Duration::from_secs(60);

    fn register(sequence: u64) -> Command {
        let agent = "lab".parse().expect("a name");
        Command::RegisterRoute { agent, proxy: ProxyId(1), epoch: Epoch(1), sequence: Sequence(sequence) }
    }

    fn withdraw(sequence: u64) -> Command {
        let agent = "lab".parse().expect("a name");
        Command::WithdrawRoute { agent, proxy: ProxyId(1), epoch: Epoch(1), sequence: Sequence(sequence) }
    }

    /// Puts commands into the queue, whose callers wait in the tasks.
    async fn queued(
        proposer: &Proposer,
        commands: impl IntoIterator<Item = Command>,
    ) -> tokio::task::JoinSet<Result<Committed, ProposeError>> {
        let mut callers = tokio::task::JoinSet::new();
        for command in commands {
            let proposer = proposer.clone();
            callers.spawn(async move { proposer.propose(command, LONG).await });
            // It runs to its first wait.
            tokio::task::yield_now().await;
        }
        callers
    }

    fn urgent(batch: &[Pending]) -> usize {
        batch.iter().filter(|pending| pending.command.is_urgent()).count()
    }

    #[tokio::test]
    async fn what_ends_a_life_is_not_behind_a_flood() {
        let (proposer, mut queue) = Proposer::new();
        let _flood = queued(&proposer, (0..5_000).map(register)).await;
        let _few = queued(&proposer, [withdraw(1), Command::RevokeToken { id: TokenId([0; 8]) }]).await;
        let batch = queue.next_batch().await.expect("a batch");
        assert_eq!((batch.len(), urgent(&batch)), (BATCH, 2));
        assert!(urgent(&batch[..2]) == 2, "and they go first");
    }

    #[tokio::test]
    async fn nor_is_a_flood_of_ends_the_only_thing_that_moves() {
        let (proposer, mut queue) = Proposer::new();
        let _ends = queued(&proposer, (0..5_000).map(withdraw)).await;
        let _others = queued(&proposer, (0..5_000).map(register)).await;
        for _ in 0..3 {
            let batch = queue.next_batch().await.expect("a batch");
            assert_eq!((batch.len(), urgent(&batch)), (BATCH, FAST));
        }
        let _more = queued(&proposer, (0..5_000).map(withdraw)).await;
        let batch = queue.next_batch().await.expect("a batch");
        assert_eq!(urgent(&batch), FAST);
    }

    #[tokio::test]
    async fn a_full_lane_refuses_at_once_and_the_other_one_does_not() {
        let (proposer, _queue) = Proposer::new();
        let _flood = queued(&proposer, (0..QUEUE as u64).map(register)).await;
        assert_eq!(proposer.propose(register(0), LONG).await, Err(ProposeError::QueueFull(QUEUE)));
        let short = Duration::from_millis(1);
        assert_eq!(proposer.propose(withdraw(0), short).await, Err(ProposeError::NoQuorum(short)), "it was taken");
    }

    #[tokio::test]
    async fn a_caller_that_has_gone_costs_nothing() {
        let (proposer, mut queue) = Proposer::new();
        let callers = queued(&proposer, (0..10).map(register)).await;
        drop(callers);
        tokio::task::yield_now().await;
        let _one = queued(&proposer, [register(77)]).await;
        let batch = queue.next_batch().await.expect("a batch");
        assert_eq!(batch.iter().map(|pending| pending.command.clone()).collect::<Vec<_>>(), [register(77)]);
    }
}
