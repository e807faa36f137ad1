//! The tries of one dial that run beside each other.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use tokio::time::Instant;

use super::attempt::{Miss, Open};
use super::race::Way;

/// What a try comes to.
pub(super) type Tried = Result<Open, Miss>;

/// Tries that run. Those that are left when it is dropped are cancelled, and the hops behind them stop their work.
#[derive(Default)]
pub(super) struct Tries<'a> {
    running: Vec<Try<'a>>,
}

struct Try<'a> {
    way: Way,
    since: Instant,
    work: Pin<Box<dyn Future<Output = Tried> + Send + 'a>>,
}

/// A try that has ended.
pub(super) struct Ended {
    /// By which way.
    pub(super) way: Way,
    /// When it began.
    pub(super) since: Instant,
    /// What it came to.
    pub(super) tried: Tried,
}

impl<'a> Tries<'a> {
    /// Begins one.
    pub(super) fn begin(&mut self, way: Way, work: impl Future<Output = Tried> + Send + 'a) {
        self.running.push(Try { way, since: Instant::now(), work: Box::pin(work) });
    }

    /// Whether none runs.
    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Cancels those for the service with this number.
    pub(super) fn cancel(&mut self, choice: usize) {
        self.running.retain(|running| running.way.choice != choice);
    }

    /// Waits for the first to end; one that was begun earlier goes before. Never resolves while there is none.
    pub(super) async fn next(&mut self) -> Ended {
        poll_fn(|context| {
            for (position, running) in self.running.iter_mut().enumerate() {
                if let Poll::Ready(tried) = running.work.as_mut().poll(context) {
                    let Try { way, since, .. } = self.running.remove(position);
                    return Poll::Ready(Ended { way, since, tried });
                }
            }
            Poll::Pending
        })
        .await
    }
}
