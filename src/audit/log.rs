//! How the parts of a proxy tell what happened.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use super::event::{Denial, Event};
use super::line::{Line, Missing};
use super::pace::Pace;
use crate::net::Wall;

/// Lines that wait to be written: at most some 4 MB, and a second of more dials than a proxy carries.
const WAITING: usize = 4_096;

/// Takes what happened. Cheap to clone; by default nothing is written.
#[derive(Clone, Debug, Default)]
pub struct Audit(Option<Arc<Open>>);

/// A log that is on.
#[derive(Debug)]
struct Open {
    wall: Arc<dyn Wall>,
    queue: SyncSender<Message>,
    pace: Mutex<Pace>,
    counts: Counts,
}

/// What the writer gets.
#[derive(Debug)]
pub(super) enum Message {
    Line(Box<Line>),
    /// There is nothing more to come that would be waited for.
    Close,
}

/// What was written and what was not. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pub(super) written: Counter,
    lost: Family<LostLabels, Counter>,
    unsaid: Arc<Unsaid>,
}

/// What was lost and is still to be told.
#[derive(Debug, Default)]
struct Unsaid {
    dropped: AtomicU64,
    suppressed: AtomicU64,
}

/// Why a line was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Too many waited: the output is slow, or takes nothing.
    Full,
    /// The output took nothing until the proxy ended.
    Failed,
    /// Strangers were refused more often than is told.
    Paced,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LostLabels {
    reason: &'static str,
}

impl Audit {
    /// One that is on, and what it hands over.
    pub(super) fn open(wall: Arc<dyn Wall>) -> (Self, Counts, Receiver<Message>) {
        let (queue, waiting) = sync_channel(WAITING);
        let counts = Counts::default();
        let pace = Mutex::new(Pace::new(Instant::now()));
        (Self(Some(Arc::new(Open { wall, queue, pace, counts: counts.clone() }))), counts, waiting)
    }

    /// Whether anything is written.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Has something written, if the log is on and there is room. Never waits.
    pub fn record(&self, event: Event) {
        let Some(open) = &self.0 else { return };
        let line = Line { at: open.wall.now(), event };
        // There is none who writes only once the proxy has ended.
        if open.queue.try_send(Message::Line(Box::new(line))).is_err() {
            open.counts.lost(Lost::Full, 1);
        }
    }

    /// The same of something that a stranger can cause as often as it likes: beyond a pace it is only counted.
    pub fn record_at_pace(&self, event: Event) {
        let Some(open) = &self.0 else { return };
        if open.pace.lock().unwrap_or_else(PoisonError::into_inner).admits(Instant::now()) {
            self.record(event);
        } else {
            open.counts.lost(Lost::Paced, 1);
        }
    }

    /// Somebody was turned away.
    pub fn denied(&self, denial: Denial) {
        self.record_at_pace(Event::Denial(denial));
    }

    /// Shows the counters in `registry`.
    pub fn register(&self, registry: &mut Registry) {
        let Some(open) = &self.0 else { return };
        // Shown from the beginning, so that nobody has to guess what they will be called.
        [Lost::Full, Lost::Failed, Lost::Paced].into_iter().for_each(|why| open.counts.lost(why, 0));
        let registry = registry.sub_registry_with_prefix("warren");
        registry.register("audit_lines", "Lines of the audit log that were written", open.counts.written.clone());
        registry.register("audit_lines_lost", "Lines that were not, by reason: full, failed, paced", open.counts.lost.clone());
    }

    /// Asks the writer to end; whether it will hear of it.
    pub(super) fn close(&self) -> bool {
        self.0.as_ref().is_none_or(|open| open.queue.try_send(Message::Close).is_ok())
    }
}

impl Counts {
    /// Counts lines that are lost, to be told in the next one.
    pub(super) fn lost(&self, why: Lost, lines: u64) {
        let (reason, unsaid) = match why {
            Lost::Full => ("full", &self.unsaid.dropped),
            Lost::Failed => ("failed", &self.unsaid.dropped),
            Lost::Paced => ("paced", &self.unsaid.suppressed),
        };
        self.lost.get_or_create(&LostLabels { reason }).inc_by(lines);
        unsaid.fetch_add(lines, Ordering::Relaxed);
    }

    /// What the next line has to tell; it is told then.
    pub(super) fn take_missing(&self) -> Missing {
        let taken = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        Missing { dropped: taken(&self.unsaid.dropped), suppressed: taken(&self.unsaid.suppressed) }
    }
}
