//! A local byte stream: TCP, or standard input and output.

use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWrite};

use super::buffers;
use super::chunks::{CHUNKS, advance};
use super::ended::{Broken, End};
use super::side::Side;
use crate::net::Stream;

/// A local stream that is aborted when dropped, unless it was closed before.
pub(super) struct Local {
    stream: Option<Box<dyn Stream>>,
    is_broken: bool,
}

impl Local {
    pub(super) fn new(mut stream: Box<dyn Stream>) -> Self {
        stream.arm();
        Self { stream: Some(stream), is_broken: false }
    }

    /// Both directions have ended.
    pub(super) fn close(&mut self) {
        if let Some(mut stream) = self.stream.take() {
            stream.disarm();
        }
    }

    /// Whether it was this that broke.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken
    }

    fn note<T>(&mut self, done: io::Result<T>) -> Result<T, Broken> {
        done.map_err(|error| {
            self.is_broken = true;
            error.into()
        })
    }

    fn stream(&mut self) -> Result<&mut Box<dyn Stream>, Broken> {
        self.stream.as_mut().ok_or(Broken(End::Reset))
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        if let Some(stream) = self.stream.take() {
            stream.abort();
        }
    }
}

impl Side for Local {
    fn poll_take(&mut self, cx: &mut Context<'_>, chunks: &mut [Bytes]) -> Poll<Result<usize, Broken>> {
        let stream = self.stream()?;
        let (read, filled) = buffers::fill(|buffer| pin!(stream.read_buf(buffer)).poll(cx));
        let read = ready!(read);
        if self.note(read)? == 0 {
            return Poll::Ready(Ok(0));
        }
        chunks[0] = filled;
        Poll::Ready(Ok(1))
    }

    fn poll_give(&mut self, cx: &mut Context<'_>, chunks: &mut [Bytes]) -> Poll<Result<usize, Broken>> {
        let mut slices = [IoSlice::new(&[]); CHUNKS];
        for (slice, chunk) in slices.iter_mut().zip(&*chunks) {
            *slice = IoSlice::new(chunk);
        }
        let count = chunks.len().min(CHUNKS);
        let written = ready!(Pin::new(self.stream()?).poll_write_vectored(cx, &slices[..count]));
        let written =
            self.note(written.and_then(|written| if written == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(written) }))?;
        advance(chunks, written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        // Standard output keeps what follows the last line's end until it is told, and a terminal's or ssh's bytes have no lines.
        let flushed = ready!(Pin::new(self.stream()?).poll_flush(cx));
        Poll::Ready(self.note(flushed))
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        let shut = ready!(Pin::new(self.stream()?).poll_shutdown(cx));
        Poll::Ready(self.note(shut))
    }

    fn poll_refused(&mut self, _: &mut Context<'_>) -> Poll<Broken> {
        // That a local reader is gone shows when its input is read.
        Poll::Pending
    }
}
