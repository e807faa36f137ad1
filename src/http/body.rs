//! The body of a response: there as a whole, or made while it is sent.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Frame;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::idle::Busy;

/// Pieces that wait to be sent: enough to make one while another is written.
const AHEAD: usize = 1;

/// The body of a response.
#[derive(Debug)]
pub enum Body {
    /// All of it.
    Whole(Bytes),
    /// Piece by piece.
    Poured(Poured),
}

/// What makes the pieces of a body, and the pieces that it has made. It is driven by the connection that sends them, and ends with it.
pub struct Poured {
    source: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    pieces: mpsc::Receiver<Bytes>,
}

impl Poured {
    /// A body of the pieces that `pour` hands over. Each waits until the one before was taken; the body ends with `pour`, so it must
    /// tell by itself whether it is whole.
    pub fn new<F: Future<Output = ()> + Send + 'static>(pour: impl FnOnce(mpsc::Sender<Bytes>) -> F) -> Self {
        let (into, pieces) = mpsc::channel(AHEAD);
        Self { source: Some(Box::pin(pour(into))), pieces }
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(source) = &mut self.source
            && source.as_mut().poll(context).is_ready()
        {
            self.source = None;
        }
        self.pieces.poll_recv(context)
    }
}

impl fmt::Debug for Poured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Poured")
    }
}

/// When a connection last got on.
pub(super) type Progress = Arc<watch::Sender<Instant>>;

/// A body as hyper sends it.
pub(super) struct Outgoing {
    body: Kind,
    /// Its connection is not idle while it is sent.
    _busy: Option<Busy>,
}

enum Kind {
    Whole(Full<Bytes>),
    Poured(Poured, Progress),
}

impl Outgoing {
    pub(super) fn new(body: Body, progress: &Progress, busy: Option<Busy>) -> Self {
        let body = match body {
            Body::Whole(bytes) => Kind::Whole(Full::new(bytes)),
            Body::Poured(poured) => Kind::Poured(poured, Arc::clone(progress)),
        };
        Self { body, _busy: busy }
    }
}

impl hyper::body::Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.get_mut().body {
            Kind::Whole(full) => Pin::new(full).poll_frame(context),
            Kind::Poured(poured, progress) => poured.poll_piece(context).map(|piece| {
                // hyper asks for the next one when there is room: the peer has taken some.
                progress.send_replace(Instant::now());
                piece.map(|piece| Ok(Frame::data(piece)))
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Kind::Whole(full) => full.is_end_stream(),
            Kind::Poured(..) => false,
        }
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        match &self.body {
            Kind::Whole(full) => full.size_hint(),
            Kind::Poured(..) => hyper::body::SizeHint::default(),
        }
    }
}
