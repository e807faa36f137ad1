//! What a host takes for the time of day.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use warren::net::Wall;
use warren_raft::Timestamp;

/// When every simulation begins, in milliseconds since the Unix epoch: 2026-01-01.
const BEGIN: u64 = 1_767_225_600_000;

/// The wall clock of one host. Clones are the same clock.
#[derive(Clone, Debug, Default)]
pub struct HostWall(Arc<Clock>);

#[derive(Debug, Default)]
struct Clock {
    /// What has passed on this host, in microseconds.
    passed_us: AtomicU64,
    /// How far it was set ahead, in milliseconds.
    ahead_ms: AtomicI64,
}

impl HostWall {
    /// So much has passed since the simulation began, in microseconds of this host.
    pub fn pass(&self, passed_us: u64) {
        self.0.passed_us.store(passed_us, Ordering::Relaxed);
    }

    /// Somebody sets the clock ahead by so much, or back.
    pub fn step(&self, by_ms: i64) {
        self.0.ahead_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}

impl Wall for HostWall {
    fn now(&self) -> Timestamp {
        let passed = BEGIN + self.0.passed_us.load(Ordering::Relaxed) / 1_000;
        Timestamp(passed.saturating_add_signed(self.0.ahead_ms.load(Ordering::Relaxed)))
    }
}
