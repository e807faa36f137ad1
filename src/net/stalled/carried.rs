//! One stream, as its relay tells of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;

use super::ledger::{Seen, StreamNumber};
use super::readers::Shared;
use crate::net::quic::StreamWindow;

/// One direction of a stream.
#[derive(Debug)]
struct Gauge {
    /// What waits beside what the relay has in its hands: what the sender may have had sent meanwhile.
    window: u64,
    moved: AtomicU64,
    /// What the relay holds for the writer; with nothing, nobody waits.
    in_hand: AtomicU64,
}

impl Gauge {
    fn new(window: u64) -> Self {
        Self { window, moved: AtomicU64::new(0), in_hand: AtomicU64::new(0) }
    }

    fn held(&self) -> u64 {
        match self.in_hand.load(Ordering::Relaxed) {
            0 => 0,
            in_hand => in_hand.saturating_add(self.window),
        }
    }
}

/// Both directions of a stream.
#[derive(Debug)]
pub(super) struct Entry {
    gauges: [Gauge; 2],
    cut: Notify,
    /// How long it had been still when it was to be cut, in seconds.
    still_secs: AtomicU64,
}

impl Entry {
    pub(super) fn new(windows: [Option<StreamWindow>; 2]) -> Self {
        let gauge = |window: Option<StreamWindow>| Gauge::new(window.map_or(0, |window| window.bytes().into()));
        Self { gauges: windows.map(gauge), cut: Notify::new(), still_secs: AtomicU64::new(0) }
    }

    /// Its relay is to end it, which has been still for so long.
    pub(super) fn cut(&self, still: Duration) {
        self.still_secs.store(still.as_secs(), Ordering::Relaxed);
        self.cut.notify_one();
    }

    /// What has moved from the first side to the second, and back.
    pub(super) fn moved_bytes(&self) -> [u64; 2] {
        self.gauges.each_ref().map(|gauge| gauge.moved.load(Ordering::Relaxed))
    }

    pub(super) fn seen(&self) -> Seen {
        let moved = self.gauges.iter().fold(0_u64, |sum, gauge| sum.wrapping_add(gauge.moved.load(Ordering::Relaxed)));
        Seen { moved, held: self.gauges.iter().map(Gauge::held).sum() }
    }
}

/// Tells of one direction. A plain store is all that a write costs here.
#[derive(Debug)]
pub struct Teller {
    entry: Arc<Entry>,
    way: usize,
}

impl Teller {
    /// So many bytes have moved in all; nobody waits now.
    pub fn moved(&self, bytes: u64) {
        let gauge = &self.entry.gauges[self.way];
        gauge.moved.store(bytes, Ordering::Relaxed);
        gauge.in_hand.store(0, Ordering::Relaxed);
    }

    /// How many bytes have moved.
    pub fn moved_bytes(&self) -> u64 {
        self.entry.gauges[self.way].moved.load(Ordering::Relaxed)
    }

    /// The next hop does not take these bytes now.
    pub fn waits(&self, bytes: usize) {
        self.entry.gauges[self.way].in_hand.store(bytes as u64, Ordering::Relaxed);
    }
}

/// A stream that is being relayed. Dropped, it holds nothing more.
#[derive(Debug)]
pub struct Carried {
    pub(super) entry: Arc<Entry>,
    pub(super) number: StreamNumber,
    pub(super) shared: Weak<Shared>,
}

impl Carried {
    /// Who tells of the way from the first side to the second, and of the way back.
    pub fn tellers(&self) -> [Teller; 2] {
        [0, 1].map(|way| Teller { entry: self.entry.clone(), way })
    }

    /// Resolves once the stream is to be cut, for having been still the longest, and says so where it is known which one it is.
    pub async fn cut(&self) {
        self.entry.cut.notified().await;
        let still_secs = self.entry.still_secs.load(Ordering::Relaxed);
        tracing::info!(still_secs, "stream cut: nobody reads it, and `limits.stalled_memory` is used up");
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.forget(self.number);
        }
    }
}
