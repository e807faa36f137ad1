//! A local byte stream: TCP, or standard input and output.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWrite};

use super::BATCH;
use super::chunks::{CHUNKS, advance};
use super::ended::{Broken, End};
use super::side::Side;
use crate::net::Stream;

/// Up to here it is cheaper to copy what was read than to give its buffer away.
const COPIED: usize = 8 * 1024;

thread_local! {
    /// The buffer that the next read of this thread goes to. A stream from which nothing comes has none of its own.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A local stream that is aborted when dropped, unless it was closed before.
pub(super) struct Local {
    stream: Option<Box<dyn Stream>>,
}

impl Local {
    pub(super) fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream: Some(stream) }
    }

    /// Both directions have ended.
    pub(super) fn close(&mut self) {
        self.stream = None;
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
        let mut buffer = SPARE.take();
        buffer.reserve(BATCH);
        let read = pin!(stream.read_buf(&mut buffer)).poll(cx);
        if let Poll::Ready(Ok(1..)) = read {
            chunks[0] = taken(&mut buffer);
        }
        SPARE.set(buffer);
        Poll::Ready(Ok(usize::from(ready!(read)? > 0)))
    }

    fn poll_give(&mut self, cx: &mut Context<'_>, chunks: &mut [Bytes]) -> Poll<Result<usize, Broken>> {
        let mut slices = [IoSlice::new(&[]); CHUNKS];
        for (slice, chunk) in slices.iter_mut().zip(&*chunks) {
            *slice = IoSlice::new(chunk);
        }
        let count = chunks.len().min(CHUNKS);
        let written = ready!(Pin::new(self.stream()?).poll_write_vectored(cx, &slices[..count]))?;
        if written == 0 {
            return Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero).into()));
        }
        advance(chunks, written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        // Standard output keeps what follows the last line's end until it is told, and a terminal's or ssh's bytes have no lines.
        Pin::new(self.stream()?).poll_flush(cx).map_err(Broken::from)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        Pin::new(self.stream()?).poll_shutdown(cx).map_err(Broken::from)
    }

    fn poll_refused(&mut self, _: &mut Context<'_>) -> Poll<Broken> {
        // That a local reader is gone shows when its input is read.
        Poll::Pending
    }
}

/// What is in `buffer`, which is empty and of the same use afterwards.
fn taken(buffer: &mut Vec<u8>) -> Bytes {
    if buffer.len() <= COPIED {
        let bytes = Bytes::copy_from_slice(buffer);
        buffer.clear();
        return bytes;
    }
    let mut given = std::mem::take(buffer);
    // It waits for its acknowledgement, and may wait for long: not with room that nothing is in.
    given.shrink_to_fit();
    Bytes::from(given)
}
