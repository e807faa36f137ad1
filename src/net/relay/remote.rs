//! A QUIC stream.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use quinn::{RecvStream, SendStream, StoppedError, VarInt};
use tokio::time::Instant;

use super::BATCH;
use super::chunks::CHUNKS;
use super::demotion::Demotion;
use super::ended::{Broken, End};
use super::side::Side;

/// Waits until the far end takes no more, or has everything.
type Stopped = Pin<Box<dyn Future<Output = Result<Option<VarInt>, StoppedError>> + Send + Sync>>;

/// A QUIC stream that is aborted when dropped. It changes nothing for one that has come to its end; one that has not would look whole
/// otherwise, since quinn finishes a stream that is dropped.
pub(super) struct Remote {
    send: SendStream,
    recv: RecvStream,
    /// One wait for the whole life of the stream: to make one takes the connection's lock.
    stopped: Option<Stopped>,
    finished: bool,
    demotion: Demotion,
    /// How much the last packets carried.
    chunk: usize,
    /// How it ends for its far end if it has not come to its end.
    given_up: End,
}

impl Remote {
    /// One that ends with `given_up` for its far end if it has not come to its end.
    pub(super) fn new((send, recv): (SendStream, RecvStream), given_up: End) -> Self {
        Self { send, recv, stopped: None, finished: false, demotion: Demotion::new(Instant::now()), chunk: 1, given_up }
    }

    /// What its far end is to be told if it has not come to its end.
    pub(super) fn give_up(&mut self, end: End) {
        self.given_up = end;
    }

    fn poll_stopped(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<VarInt>, StoppedError>> {
        self.stopped.get_or_insert_with(|| Box::pin(self.send.stopped())).as_mut().poll(cx)
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.given_up.code().abort(&mut self.send, &mut self.recv);
    }
}

impl Side for Remote {
    fn poll_take(&mut self, cx: &mut Context<'_>, chunks: &mut [Bytes]) -> Poll<Result<usize, Broken>> {
        let count = (BATCH / self.chunk).clamp(1, CHUNKS).min(chunks.len());
        let taken = ready!(pin!(self.recv.read_chunks(&mut chunks[..count])).poll(cx))?.unwrap_or(0);
        if let Some(last) = taken.checked_sub(1) {
            self.chunk = chunks[0].len().max(chunks[last].len()).max(1);
        }
        Poll::Ready(Ok(taken))
    }

    fn poll_give(&mut self, cx: &mut Context<'_>, chunks: &mut [Bytes]) -> Poll<Result<usize, Broken>> {
        let now = Instant::now();
        if let Some(priority) = self.demotion.resume(now) {
            priority.set(&self.send);
        }
        let Poll::Ready(written) = pin!(self.send.write_chunks(chunks)).poll(cx)? else {
            self.demotion.blocked();
            return Poll::Pending;
        };
        if let Some(priority) = self.demotion.sent(written.bytes) {
            priority.set(&self.send);
        }
        Poll::Ready(Ok(written.bytes))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        Poll::Ready(Ok(()))
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        if !self.finished {
            self.send.finish().map_err(|_| Broken(End::Reset))?;
            self.finished = true;
        }
        match ready!(self.poll_stopped(cx)) {
            Ok(None) => Poll::Ready(Ok(())),
            stopped => Poll::Ready(Err(Broken::stopped(stopped))),
        }
    }

    fn poll_refused(&mut self, cx: &mut Context<'_>) -> Poll<Broken> {
        self.poll_stopped(cx).map(Broken::stopped)
    }
}
