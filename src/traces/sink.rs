//! How the parts of a process tell of spans.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use super::span::Span;

/// Takes spans. Cheap to clone; by default they go nowhere, and nobody makes any.
#[derive(Clone, Debug, Default)]
pub struct Traces(Option<Arc<Open>>);

#[derive(Debug)]
struct Open {
    queue: mpsc::Sender<Span>,
    dropped: AtomicU64,
}

impl Traces {
    /// One whose spans wait in a queue of so many.
    pub fn open(waiting: usize) -> (Self, mpsc::Receiver<Span>) {
        let (queue, spans) = mpsc::channel(waiting);
        (Self(Some(Arc::new(Open { queue, dropped: AtomicU64::new(0) }))), spans)
    }

    /// Whether spans go anywhere.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Tells of a span, if they go anywhere. Never waits: what finds no room is dropped.
    pub fn record(&self, span: impl FnOnce() -> Span) {
        if let Some(open) = &self.0
            && open.queue.try_send(span()).is_err()
        {
            open.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many found no room.
    pub fn dropped(&self) -> u64 {
        self.0.as_ref().map_or(0, |open| open.dropped.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use warren_raft::{ProxyId, Timestamp};

    use super::super::Deed;
    use super::*;
    use crate::wire::TraceId;

    fn span() -> Span {
        let (attributes, failed) = (Vec::new(), None);
        let (trace, deed) = (TraceId([1; 16]), Deed::Dial(ProxyId(1)));
        Span { trace, deed, parent: None, began: Timestamp(1), took: Duration::ZERO, attributes, failed }
    }

    #[test]
    fn a_full_queue_drops_and_counts() {
        let (traces, mut spans) = Traces::open(2);
        (0..5).for_each(|_| traces.record(span));
        assert_eq!(traces.dropped(), 3);
        assert!(spans.try_recv().is_ok() && spans.try_recv().is_ok() && spans.try_recv().is_err());
    }

    #[test]
    fn where_they_go_nowhere_none_is_made() {
        Traces::default().record(|| unreachable!("nobody wants it"));
    }
}
