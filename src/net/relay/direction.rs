//! One direction of a relay.

use std::task::{Context, Poll, ready};

use bytes::Bytes;

use super::chunks::{CHUNKS, rest};
use super::ended::Broken;
use super::flow::Flow;
use super::side::Side;
use crate::net::stalled::Teller;

/// How many batches are moved before other tasks of the thread get their turn.
const BATCHES: usize = 8;
/// How many chunks are taken at once from a side that had fewer the last time.
const FEW: usize = 4;

/// Moves bytes from one side to the other until the first one's input has ended and the other one's reader has all of it.
#[derive(Debug)]
pub(super) struct Direction {
    flow: Flow,
    step: Step,
    /// What was taken from the one side and not yet by the other; it has no memory unless the other one is slow.
    waiting: Vec<Bytes>,
    /// How many chunks came last.
    came: usize,
}

#[derive(Clone, Copy, Debug, Default)]
enum Step {
    /// Everything that was given has been sent out.
    #[default]
    Quiet,
    /// Something may be kept between, to be flushed.
    Moving,
    /// The input has ended.
    Ending,
    Ended,
}

impl Direction {
    /// One that has not moved anything yet.
    pub(super) fn new(teller: Teller) -> Self {
        Self { flow: Flow::new(teller), step: Step::default(), waiting: Vec::new(), came: 0 }
    }

    /// How many bytes have gone this way.
    pub(super) fn moved_bytes(&self) -> u64 {
        self.flow.moved_bytes()
    }

    /// Moves what there is; ready once the direction has ended.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, from: &mut impl Side, to: &mut impl Side) -> Poll<Result<(), Broken>> {
        for _ in 0..BATCHES {
            if matches!(self.step, Step::Ended) {
                return Poll::Ready(Ok(()));
            }
            ready!(self.step(cx, from, to))?;
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Moves what is still there of a side that broke, and not its end: ready once there is nothing more.
    pub(super) fn poll_rest(&mut self, cx: &mut Context<'_>, from: &mut impl Side, to: &mut impl Side) -> Poll<()> {
        for _ in 0..BATCHES {
            if matches!(self.step, Step::Ending | Step::Ended) || ready!(self.step(cx, from, to)).is_err() {
                return Poll::Ready(());
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn step(&mut self, cx: &mut Context<'_>, from: &mut impl Side, to: &mut impl Side) -> Poll<Result<(), Broken>> {
        ready!(self.give_waiting(cx, to))?;
        match self.step {
            // Room for a whole batch is made and cleared for nothing where messages are exchanged.
            Step::Quiet | Step::Moving if self.came < FEW => self.take_and_give::<FEW>(cx, from, to),
            Step::Quiet | Step::Moving => self.take_and_give::<CHUNKS>(cx, from, to),
            Step::Ending => {
                ready!(to.poll_flush(cx))?;
                ready!(to.poll_finish(cx))?;
                self.step = Step::Ended;
                Poll::Ready(Ok(()))
            }
            Step::Ended => Poll::Ready(Ok(())),
        }
    }

    fn take_and_give<const ROOM: usize>(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut impl Side,
        to: &mut impl Side,
    ) -> Poll<Result<(), Broken>> {
        let mut chunks = [const { Bytes::new() }; ROOM];
        let Poll::Ready(taken) = from.poll_take(cx, &mut chunks) else {
            return self.wait(cx, to);
        };
        let taken = if warren_raft::mutant!("reset_is_an_end") { taken.unwrap_or(0) } else { taken? };
        if taken == 0 {
            self.step = Step::Ending;
            return Poll::Ready(Ok(()));
        }
        (self.step, self.came) = (Step::Moving, taken);
        let mut left = &mut chunks[..taken];
        while !left.is_empty() {
            let Poll::Ready(given) = to.poll_give(cx, left)? else {
                self.waiting.extend(left.iter_mut().map(std::mem::take));
                self.flow.blocked(&self.waiting);
                return Poll::Pending;
            };
            self.flow.moved(given);
            left = rest(left);
        }
        Poll::Ready(Ok(()))
    }

    fn give_waiting(&mut self, cx: &mut Context<'_>, to: &mut impl Side) -> Poll<Result<(), Broken>> {
        while !self.waiting.is_empty() {
            let Poll::Ready(given) = to.poll_give(cx, &mut self.waiting)? else {
                self.flow.blocked(&self.waiting);
                return Poll::Pending;
            };
            self.flow.moved(given);
            let left = rest(&mut self.waiting).len();
            self.waiting.drain(..self.waiting.len() - left);
            if left == 0 {
                self.waiting = Vec::new();
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Nothing has come: what went before is sent out, and the far end may give up.
    fn wait(&mut self, cx: &mut Context<'_>, to: &mut impl Side) -> Poll<Result<(), Broken>> {
        if matches!(self.step, Step::Moving) && to.poll_flush(cx)?.is_ready() {
            self.step = Step::Quiet;
        }
        to.poll_refused(cx).map(Err)
    }
}
