//! A byte stream between two ends on simulated hosts: whole and in order, with a half-close and a reset.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use warren::net::Stream;

/// How many bytes one direction holds: less than what a stream's window is, so that a reader that stops is felt.
const CAPACITY: usize = 64 << 10;

/// One direction.
#[derive(Debug, Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    ended: bool,
    reset: bool,
    /// Nobody reads any more.
    unread: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pipe {
    fn wake(&mut self) {
        for waker in [self.reader.take(), self.writer.take()].into_iter().flatten() {
            waker.wake();
        }
    }
}

type Shared = Arc<Mutex<Pipe>>;

/// One end.
#[derive(Debug)]
pub(super) struct End {
    read: Shared,
    write: Shared,
    /// Whether its end is a reset, as that of a process which is killed in the middle.
    armed: bool,
}

/// Both ends of a new stream.
pub(super) fn pair() -> (End, End) {
    let (there, back) = (Shared::default(), Shared::default());
    (End { read: back.clone(), write: there.clone(), armed: false }, End { read: there, write: back, armed: false })
}

fn lock(pipe: &Shared) -> MutexGuard<'_, Pipe> {
    pipe.lock().unwrap_or_else(PoisonError::into_inner)
}

impl End {
    fn reset(&self) {
        for pipe in [&self.read, &self.write] {
            let mut pipe = lock(pipe);
            pipe.reset = true;
            pipe.wake();
        }
    }
}

fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

impl Stream for End {
    fn arm(&mut self) {
        self.armed = true;
    }

    fn disarm(&mut self) {
        self.armed = false;
    }

    fn abort(mut self: Box<Self>) {
        self.armed = true;
    }
}

impl Drop for End {
    fn drop(&mut self) {
        // As a kernel does: unread bytes make a close a reset.
        if self.armed || !lock(&self.read).bytes.is_empty() {
            return self.reset();
        }
        {
            let mut read = lock(&self.read);
            read.unread = true;
            read.wake();
        }
        let mut write = lock(&self.write);
        write.ended = true;
        write.wake();
    }
}

impl AsyncRead for End {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut pipe = lock(&self.read);
        if pipe.reset {
            return Poll::Ready(Err(reset()));
        }
        if pipe.bytes.is_empty() && !pipe.ended {
            pipe.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let take = pipe.bytes.len().min(buf.remaining());
        for byte in pipe.bytes.drain(..take).collect::<Vec<_>>().chunks(take.max(1)) {
            buf.put_slice(byte);
        }
        pipe.wake();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for End {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut pipe = lock(&self.write);
        if pipe.reset {
            return Poll::Ready(Err(reset()));
        }
        if pipe.unread || pipe.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = CAPACITY.saturating_sub(pipe.bytes.len()).min(buf.len());
        if room == 0 && !buf.is_empty() {
            pipe.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        pipe.bytes.extend(&buf[..room]);
        pipe.wake();
        Poll::Ready(Ok(room))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut pipe = lock(&self.write);
        if pipe.reset {
            return Poll::Ready(Err(reset()));
        }
        pipe.ended = true;
        pipe.wake();
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_half_close_leaves_the_other_direction_open() {
        let (mut near, mut far) = pair();
        near.write_all(b"question").await.expect("written");
        near.shutdown().await.expect("half-closed");
        let mut text = String::new();
        far.read_to_string(&mut text).await.expect("read to the end");
        far.write_all(b"answer").await.expect("written");
        drop(far);
        near.read_to_string(&mut text).await.expect("read to the end");
        assert_eq!(text, "questionanswer");
        assert!(near.write_all(b"x").await.is_err());
    }

    #[tokio::test]
    async fn an_end_that_is_armed_or_has_not_read_all_is_a_reset() {
        for armed in [true, false] {
            let (mut near, mut far) = pair();
            near.write_all(b"unread").await.expect("written");
            if armed {
                far.read_exact(&mut [0; 6]).await.expect("read");
                far.arm();
            }
            drop(far);
            assert_eq!(near.read_u8().await.expect_err("reset").kind(), io::ErrorKind::ConnectionReset);
        }
    }

    #[tokio::test]
    async fn a_reader_that_stops_is_felt() {
        let (mut near, mut far) = pair();
        let write = async { near.write_all(&[7; 200_000]).await };
        let (written, read) = tokio::join!(write, async {
            let mut all = vec![0; 200_000];
            far.read_exact(&mut all).await.map(|_| all)
        });
        written.expect("written");
        assert!(read.expect("read").iter().all(|byte| *byte == 7));
    }
}
