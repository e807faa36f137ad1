//! What runs over one connection to a peer.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use crate::net::quic::{SendRoom, Sending};

/// From how many bytes a second on a connection carries bulk: more than people and their keystrokes make, less than the slowest backup.
const HEAVY: f64 = (1 << 20) as f64;

/// How many streams run over a connection, and whether bulk is among them. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Load {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    streams: AtomicUsize,
    is_heavy: AtomicBool,
    weighed: Mutex<Option<Weighed>>,
    room: Option<SendRoom>,
}

/// What a connection had moved when it was looked at.
#[derive(Clone, Copy, Debug)]
struct Weighed {
    bytes: u64,
    at: Instant,
}

/// Counts a stream for as long as it lives.
#[derive(Debug)]
pub(crate) struct InUse {
    load: Load,
    _sending: Option<Sending>,
}

impl Load {
    /// Of a connection with this room, which follows its streams.
    pub(super) fn over(room: SendRoom) -> Self {
        Self { shared: Arc::new(Shared { room: Some(room), ..Shared::default() }) }
    }

    /// Counts a stream from now on.
    pub(crate) fn begin(&self) -> InUse {
        self.shared.streams.fetch_add(1, Ordering::Relaxed);
        InUse { load: self.clone(), _sending: self.shared.room.as_ref().map(SendRoom::enter) }
    }

    /// Streams that run now.
    pub(super) fn streams(&self) -> usize {
        self.shared.streams.load(Ordering::Relaxed)
    }

    /// Whether bulk ran over it when it was looked at last.
    pub(super) fn is_heavy(&self) -> bool {
        self.shared.is_heavy.load(Ordering::Relaxed)
    }

    /// The connection has moved so many bytes since it was made.
    pub(super) fn weigh(&self, bytes: u64, now: Instant) {
        let mut weighed = self.shared.weighed.lock().unwrap_or_else(PoisonError::into_inner);
        let before = weighed.replace(Weighed { bytes, at: now });
        let rate = before.map_or(0.0, |before| {
            let seconds = now.saturating_duration_since(before.at).as_secs_f64();
            let moved = bytes.saturating_sub(before.bytes) as f64;
            if seconds > 0.0 { moved / seconds } else { 0.0 }
        });
        self.shared.is_heavy.store(rate >= HEAVY, Ordering::Relaxed);
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.load.shared.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn streams_count_while_they_live() {
        let load = Load::default();
        let (first, second) = (load.begin(), load.clone().begin());
        assert_eq!(load.streams(), 2);
        drop(first);
        assert_eq!(load.streams(), 1);
        drop(second);
        assert_eq!(load.streams(), 0);
    }

    #[test]
    fn bulk_is_told_by_its_rate_and_forgotten_when_it_is_over() {
        let (load, start) = (Load::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        // What it has moved before it was first looked at says nothing.
        let table =
            [(0, 1 << 40, false), (250, (1 << 40) + (300 << 10), true), (500, (1 << 40) + (400 << 10), false), (500, 1 << 41, false)];
        for (ms, bytes, expected) in table {
            load.weigh(bytes, at(ms));
            assert_eq!(load.is_heavy(), expected, "{ms} ms, {bytes} bytes");
        }
    }
}
