//! Confirms reads with the leader (ReadIndex): callers that wait share one question.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::core::Core;
use super::error::ReadError;
use super::message::{LeaderAnswer, LeaderRequest};
use crate::table::Table;

/// Most callers that wait for the next question; more wait to wait.
const QUEUE: usize = 8_192;

struct Waiting {
    until: Instant,
    reply: oneshot::Sender<Arc<Table>>,
}

/// Where callers wait.
#[derive(Clone)]
pub(crate) struct Reader(mpsc::Sender<Waiting>);

/// The other end of it.
pub(crate) struct Questions(mpsc::Receiver<Waiting>);

impl Reader {
    pub(crate) fn new() -> (Self, Questions) {
        let (sender, waiting) = mpsc::channel(QUEUE);
        (Self(sender), Questions(waiting))
    }

    /// The table once it holds everything that was committed before this call.
    pub(crate) async fn confirm(&self, deadline: Duration) -> Result<Arc<Table>, ReadError> {
        let until = Instant::now() + deadline;
        let (reply, table) = oneshot::channel();
        let confirmed = async {
            self.0.send(Waiting { until, reply }).await.map_err(|_| ReadError::Stopped("it was shut down".to_owned()))?;
            table.await.map_err(|_| ReadError::NoQuorum(deadline))
        };
        timeout_at(until, confirmed).await.unwrap_or(Err(ReadError::NoQuorum(deadline)))
    }
}

impl Questions {
    /// Asks for whoever is waiting, again and again. Who comes while a question is on its way waits for the next: the
    /// answer to this one may be older than its call.
    pub(crate) async fn run(mut self, core: Arc<Core>) {
        let mut waiting = Vec::new();
        while self.0.recv_many(&mut waiting, QUEUE).await > 0 {
            waiting.retain(|caller| !caller.reply.is_closed());
            let Some(until) = waiting.iter().map(|caller| caller.until).max() else { continue };
            if let Some(LeaderAnswer::ReadIndex(index)) = core.insist(&LeaderRequest::ReadIndex, until).await
                && core.applied(index, until).await
            {
                let table = core.published.table();
                for caller in waiting.drain(..) {
                    // A caller may have given up.
                    let _ = caller.reply.send(Arc::clone(&table));
                }
            }
            waiting.clear();
        }
    }
}
