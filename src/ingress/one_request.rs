//! A connection of which the service gets one request and nothing more.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::http_body::Body;
use crate::net::Stream;

/// How much is looked at once of what comes behind the request.
const BEHIND: usize = 512;

/// A stream whose reader gets the rest of a request's body. What follows is for the proxy: it breaks the connection, since the proxy has said that there is no next request.
pub(super) struct OneRequest {
    stream: Box<dyn Stream>,
    body: Body,
}

impl OneRequest {
    /// The stream behind the head of a request with this body.
    pub(super) fn new(stream: Box<dyn Stream>, body: Body) -> Self {
        Self { stream, body }
    }

    /// Waits for the end of a connection on which nothing more is to come.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut bytes = [0; BEHIND];
            let mut buf = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf))?;
            if buf.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            // Some clients end a body with a line that belongs to nothing (RFC 9112, section 2.2).
            if buf.filled().iter().any(|byte| !matches!(byte, b'\r' | b'\n')) {
                return Poll::Ready(Err(broken("a second request on a connection that is for one")));
            }
        }
    }
}

fn broken(why: &'static str) -> io::Error {
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
        self.stream.abort();
    }
}

impl AsyncRead for OneRequest {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.body.is_done() {
            return self.poll_end(cx);
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let came = &buf.filled()[before..];
        let taken = self.body.take(came).map_err(|_| broken("the chunks of the request are garbled"))?;
        if came[taken..].iter().any(|byte| !matches!(byte, b'\r' | b'\n')) {
            return Poll::Ready(Err(broken("a second request on a connection that is for one")));
        }
        buf.set_filled(before + taken);
        // Nothing at all would be the end of the input.
        if taken == 0 && self.body.is_done() { self.poll_end(cx) } else { Poll::Ready(Ok(())) }
    }
}

impl AsyncWrite for OneRequest {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
