//! A connection of which the service gets one request and nothing more.
//!
//! ```text
//!  body --whole--> behind --answer over, a while--> end
//!   `--garbled--> broken (nothing was answered yet) | ending (something was) --a while--> broken
//! ```
//! The next request may be for another service, and the client was told that there is none: it is passed over. It must *never* harm the answer to the first one, as a connection that is closed
//! while bytes come in would. Where it breaks while nothing was answered, the connection goes back to the door, which has an answer for it; so it does where all was answered, and more of the
//! request still comes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use tokio::time::{Sleep, sleep};

use super::http_answer::{AnswerHead, Fault};
use super::http_body::{Body, Garbled};
use crate::net::Stream;

/// How much is looked at once of what comes behind the request.
const BEHIND: usize = 4096;
/// Most that is passed over while the answer is not over; more waits where it is.
const MOST_BEHIND: usize = 64 * 1024;
/// How long is listened on after the answer: longer than an answer that is on its way needs to arrive.
const LINGER: Duration = Duration::from_secs(5);

/// A stream whose reader gets the rest of a request's body, and whose writer gives the answer to it.
pub(super) struct OneRequest {
    stream: Box<dyn Stream>,
    body: Body,
    at: At,
    /// How many bytes behind the body were passed over.
    behind: usize,
    answer: Answer,
    /// Since when there is nothing to wait for but the other side's leave.
    linger: Option<Pin<Box<Sleep>>>,
    /// Who waits for the end of the answer.
    waits: Option<Waker>,
    /// Why there will be no answer of the service, as far as that is known.
    why: Option<Unanswered>,
    back: oneshot::Sender<Left>,
}

/// A connection that has come back because there is something to say on it.
pub(super) struct Left {
    /// The connection.
    pub(super) stream: Box<dyn Stream>,
    /// What was taken from the service for it and not yet given to it: the end of the answer, or of what precedes one.
    pub(super) unsaid: BytesMut,
    /// Why nothing was answered, unless all was.
    pub(super) why: Option<Unanswered>,
}

/// Why a request has no answer of its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// It turned out to be none.
    Request(Garbled),
    /// The service has none.
    Service(Fault),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// In the body.
    Body,
    /// Behind it.
    Behind,
    /// In a garbled body, where the service had begun to answer.
    Ending,
}

/// The answer, on its way out.
struct Answer {
    head: AnswerHead,
    /// What was taken and not yet given to the stream.
    out: BytesMut,
    is_over: bool,
}

impl OneRequest {
    /// The stream behind the head of a request with this body, and where its connection comes back.
    pub(super) fn new(stream: Box<dyn Stream>, body: Body) -> (Self, oneshot::Receiver<Left>) {
        let answer = Answer { head: AnswerHead::default(), out: BytesMut::new(), is_over: false };
        let (back, left) = oneshot::channel();
        (Self { stream, body, at: At::Body, behind: 0, answer, linger: None, waits: None, why: None, back }, left)
    }

    fn poll_body(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let came = buf.filled().len() - before;
        let taken = self.body.take(&buf.filled()[before..]);
        buf.set_filled(before + *taken.as_ref().unwrap_or(&0));
        match taken {
            Ok(taken) => self.behind += came - taken,
            Err(_) if self.answer.head.is_behind() => self.at = At::Ending,
            Err(garbled) => return Poll::Ready(Err(self.unanswered(Unanswered::Request(garbled)))),
        }
        Poll::Ready(Ok(()))
    }

    /// Passes over what comes until the other side has ended, or until a while after the answer.
    fn poll_behind(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.behind < MOST_BEHIND || self.answer.is_over {
            let mut bytes = [0; BEHIND];
            let mut buf = ReadBuf::new(&mut bytes);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if buf.filled().is_empty() => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) => self.behind += buf.filled().len(),
                // It may hang up once it has all that it wanted.
                Poll::Ready(Err(_)) if self.answer.is_over => return Poll::Ready(Ok(())),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => break,
            }
        }
        self.waits = Some(cx.waker().clone());
        if self.answer.is_over { self.poll_linger(cx).map(Ok) } else { Poll::Pending }
    }

    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.linger.get_or_insert_with(|| Box::pin(sleep(LINGER))).as_mut().poll(cx)
    }

    /// Breaks, since there will be no answer of the service.
    fn unanswered(&mut self, why: Unanswered) -> io::Error {
        self.why = Some(why);
        match why {
            Unanswered::Request(garbled) => broken(garbled),
            Unanswered::Service(fault) => broken(fault),
        }
    }

    /// Waits a while for the end of an answer, which the service may have given before all of the request had come.
    fn poll_ending(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.answer.is_over {
            self.waits = Some(cx.waker().clone());
            ready!(self.poll_linger(cx));
        }
        Poll::Ready(Err(broken(Garbled)))
    }

    /// Gives the stream what was taken.
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.answer.out.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.answer.out))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.answer.out.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    /// Gives it all, and its end.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_out(cx))?;
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        self.answer.is_over = true;
        // From now on, and not since the request was found to be garbled.
        self.linger = None;
        if let Some(waker) = self.waits.take() {
            waker.wake();
        }
        Poll::Ready(Ok(()))
    }
}

fn broken(why: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

impl Stream for OneRequest {
    fn arm(&mut self) {
        self.stream.arm();
    }

    fn disarm(&mut self) {
        self.stream.disarm();
    }

    fn abort(self: Box<Self>) {
        let Self { stream, answer, why, back, .. } = *self;
        let why = why.or_else(|| answer.head.fault().map(Unanswered::Service));
        if why.is_none() && !answer.is_over && !answer.head.is_whole() {
            return stream.abort();
        }
        if let Err(Left { stream, .. }) = back.send(Left { stream, unsaid: answer.out, why }) {
            // The door is shut.
            stream.abort();
        }
    }
}

impl AsyncRead for OneRequest {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            match self.at {
                At::Body if self.body.is_done() => self.at = At::Behind,
                At::Body => {
                    let before = buf.filled().len();
                    ready!(self.poll_body(cx, buf))?;
                    // Nothing at all would be the end of the input.
                    if self.at == At::Body && (buf.filled().len() > before || !self.body.is_done()) {
                        return Poll::Ready(Ok(()));
                    }
                }
                At::Behind => return self.poll_behind(cx),
                At::Ending => return self.poll_ending(cx),
            }
        }
    }
}

impl AsyncWrite for OneRequest {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_out(cx))?;
        if self.answer.head.is_behind() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, buf))?;
            self.answer.head.pass(written);
            return Poll::Ready(Ok(written));
        }
        match self.answer.head.feed(buf) {
            Ok(out) => {
                self.answer.out.extend_from_slice(&out);
                Poll::Ready(Ok(buf.len()))
            }
            Err(fault) => Poll::Ready(Err(self.unanswered(Unanswered::Service(fault)))),
        }
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if self.answer.head.is_behind() {
            ready!(self.poll_out(cx))?;
            let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bufs))?;
            self.answer.head.pass(written);
            return Poll::Ready(Ok(written));
        }
        let first = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| buf);
        self.poll_write(cx, first)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_out(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.answer.is_over {
            return Poll::Ready(Ok(()));
        }
        if let Some(fault) = self.answer.head.fault() {
            return Poll::Ready(Err(self.unanswered(Unanswered::Service(fault))));
        }
        self.poll_close(cx)
    }
}
