//! A TCP connection's bytes as messages.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::oneshot;
use tokio_stream::Stream;

use super::frame::Frame;

/// The messages of one direction. They end where the connection ends.
pub(super) struct Outgoing {
    first: Option<Frame>,
    stands: Option<oneshot::Receiver<()>>,
    read: OwnedReadHalf,
    message: usize,
    buffer: BytesMut,
}

impl Outgoing {
    /// First this message, then the bytes of `read`, at most `message` of them in each.
    pub(super) fn new(first: Frame, read: OwnedReadHalf, message: usize) -> Self {
        Self { first: Some(first), stands: None, read, message, buffer: BytesMut::new() }
    }

    /// The same, where no byte follows before the connection stands.
    pub(super) fn after(self, stands: oneshot::Receiver<()>) -> Self {
        Self { stands: Some(stands), ..self }
    }
}

impl Stream for Outgoing {
    type Item = Frame;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Frame>> {
        let this = &mut *self;
        if let Some(first) = this.first.take() {
            return Poll::Ready(Some(first));
        }
        if let Some(stands) = &mut this.stands {
            if ready!(Pin::new(stands).poll(context)).is_err() {
                return Poll::Ready(None);
            }
            this.stands = None;
        }
        if this.buffer.len() < this.message {
            this.buffer = BytesMut::zeroed(this.message * 4);
        }
        let mut target = ReadBuf::new(&mut this.buffer[..this.message]);
        // The other end sees an error of the connection as its end.
        let count = match ready!(Pin::new(&mut this.read).poll_read(context, &mut target)) {
            Ok(()) => target.filled().len(),
            Err(_) => 0,
        };
        Poll::Ready((count > 0).then(|| Frame::Data(this.buffer.split_to(count).freeze())))
    }
}
