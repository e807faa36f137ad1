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

/// Most commands that wait.
const QUEUE: usize = 8_192;
/// Most commands of one proposal.
const BATCH: usize = 1_024;
/// Most bytes of one proposal's commands.
const BATCH_BYTES: usize = 512 * 1024;

type Outcome = Result<(u64, Accepted), Rejection>;

struct Pending {
    command: Command,
    bytes: usize,
    until: Instant,
    reply: oneshot::Sender<Outcome>,
}

/// Where commands wait.
#[derive(Clone)]
pub(crate) struct Proposer(mpsc::Sender<Pending>);

/// The other end of it.
pub(crate) struct Queue {
    waiting: mpsc::Receiver<Pending>,
    /// One that did not fit into the last proposal.
    carried: Option<Pending>,
}

impl Proposer {
    pub(crate) fn new() -> (Self, Queue) {
        let (sender, waiting) = mpsc::channel(QUEUE);
        (Self(sender), Queue { waiting, carried: None })
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
        self.0.try_send(Pending { command, bytes, until, reply }).map_err(|error| match error {
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

    async fn next_batch(&mut self) -> Option<Vec<Pending>> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        loop {
            let next = match self.carried.take() {
                Some(carried) => carried,
                None if batch.is_empty() => self.waiting.recv().await?,
                None => match self.waiting.try_recv() {
                    Ok(next) => next,
                    Err(_) => return Some(batch),
                },
            };
            if next.reply.is_closed() {
                // Its caller has given up before it was ever sent.
                continue;
            }
            if batch.len() == BATCH || bytes + next.bytes > BATCH_BYTES {
                self.carried = Some(next);
                return Some(batch);
            }
            bytes += next.bytes;
            batch.push(next);
        }
    }
}

/// Commits one proposal and tells the callers. It is given up when the last of them has gone.
async fn propose(core: &Core, number: u64, batch: Vec<Pending>) {
    let Some(until) = batch.iter().map(|pending| pending.until).max() else { return };
    let (commands, replies): (Vec<_>, Vec<_>) = batch.into_iter().map(|pending| (pending.command, pending.reply)).unzip();
    let proposal = Proposal { proposer: core.config.id, incarnation: core.incarnation(), number, at: (core.config.wall)(), commands };
    let Some(LeaderAnswer::Proposed { index, answers }) = core.insist(&LeaderRequest::Propose(proposal), until).await else { return };
    if !core.applied_if_writable(index, until).await {
        return;
    }
    for (reply, answer) in replies.into_iter().zip(answers) {
        // A caller may have given up.
        let _ = reply.send(answer.map(|accepted| (index, accepted)));
    }
}
