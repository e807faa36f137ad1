//! How much a stream gets to say on a connection that others use too.
//!
//! One that moves much yields to those that move little, so that a keystroke does not wait behind a backup. Nobody is asked what a stream is for:
//! what it sends fills a bucket that leaks, and a full one tells.
//!
//! ```text
//!          more than BURST in the bucket
//!   Usual ------------------------------> Bulk
//!     ^                                    |
//!     +------------------------------------+
//!          no more than RESTED in it
//! ```

use std::time::Duration;

use tokio::time::Instant;

use crate::net::quic::Priority;

/// What may be sent at once before the stream counts as bulk: a screen, a page, a small picture. In bytes.
const BURST: u64 = 256 * 1024;
/// What is left in the bucket when the stream counts as usual again, in bytes.
const RESTED: u64 = BURST / 4;
/// How long the bucket takes to leak out.
const LEAK: Duration = Duration::from_secs(1);

/// Decides the priority of one stream's one direction. It starts as usual.
#[derive(Debug)]
pub(super) struct Demotion {
    priority: Priority,
    level: u64,
    since: Instant,
    /// Whether the path holds the stream back: that it sends little then does not mean that it has little to send.
    blocked: bool,
}

impl Demotion {
    /// A stream that has sent nothing yet.
    pub(super) fn new(now: Instant) -> Self {
        Self { priority: Priority::Usual, level: 0, since: now, blocked: false }
    }

    /// The stream is about to send. Tells the priority if it is another one now.
    pub(super) fn resume(&mut self, now: Instant) -> Option<Priority> {
        let idle = now.saturating_duration_since(self.since);
        self.since = now;
        if !std::mem::take(&mut self.blocked) {
            self.level = self.level.saturating_sub(leaked_in(idle));
        }
        (self.level <= RESTED).then(|| self.turn(Priority::Usual)).flatten()
    }

    /// So many bytes were taken. Tells the priority if it is another one now.
    pub(super) fn sent(&mut self, bytes: usize) -> Option<Priority> {
        let level = self.level.saturating_add(bytes as u64);
        // A full bucket runs over: however long a transfer was, it is forgotten after a while.
        self.level = level.min(BURST);
        (level > BURST).then(|| self.turn(Priority::Bulk)).flatten()
    }

    /// Nothing was taken, for want of room on the way.
    pub(super) fn blocked(&mut self) {
        self.blocked = true;
    }

    fn turn(&mut self, priority: Priority) -> Option<Priority> {
        (std::mem::replace(&mut self.priority, priority) != priority).then_some(priority)
    }
}

fn leaked_in(idle: Duration) -> u64 {
    let bytes = u128::from(BURST) * idle.min(LEAK).as_nanos() / LEAK.as_nanos();
    u64::try_from(bytes).expect("no more than a burst leaks out in the time that a burst takes")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KIB: usize = 1024;
    const MILLISECOND: Duration = Duration::from_millis(1);

    enum Step {
        /// Waits, and sends so many KiB in one piece.
        Sends(u32, usize),
        /// Waits, and finds no room.
        IsBlocked(u32),
    }
    use Step::{IsBlocked, Sends};

    /// What was sent goes at the priority that it had when it was given, and later bytes at the one after it.
    fn check(steps: &[Step], expected: Priority) {
        let start = Instant::now();
        let (mut demotion, mut now, mut priority) = (Demotion::new(start), start, Priority::Usual);
        let mut last = priority;
        for step in steps {
            let (Sends(wait, _) | IsBlocked(wait)) = step;
            now += MILLISECOND * *wait;
            priority = demotion.resume(now).unwrap_or(priority);
            last = priority;
            match step {
                Sends(_, kib) => priority = demotion.sent(kib * KIB).unwrap_or(priority),
                IsBlocked(_) => demotion.blocked(),
            }
        }
        let told: Vec<_> =
            steps.iter().map(|step| if let Sends(wait, kib) = step { format!("{wait} ms, {kib} KiB") } else { "blocked".into() }).collect();
        assert_eq!(last, expected, "{told:?}");
    }

    #[test]
    fn a_burst_is_usual_and_more_is_bulk() {
        check(&[Sends(0, 256), Sends(0, 1)], Priority::Usual);
        check(&[Sends(0, 257), Sends(0, 1)], Priority::Bulk);
        check(&[Sends(0, 128), Sends(0, 128), Sends(0, 1), Sends(0, 1)], Priority::Bulk);
    }

    #[test]
    fn a_session_that_once_printed_much_is_usual_again() {
        check(&[Sends(0, 300), Sends(500, 1)], Priority::Bulk);
        check(&[Sends(0, 300), Sends(800, 1)], Priority::Usual);
        check(&[Sends(0, 100_000), Sends(800, 1)], Priority::Usual);
        // Keystrokes meanwhile do not keep it down.
        let typed: Vec<_> = [Sends(0, 300)].into_iter().chain((0..10).map(|_| Sends(100, 1))).collect();
        check(&typed, Priority::Usual);
    }

    #[test]
    fn a_slow_stream_stays_usual_and_a_fast_one_does_not() {
        let for_a_minute = |kib| (0..600).map(|_| Sends(100, kib)).collect::<Vec<_>>();
        check(&for_a_minute(20), Priority::Usual);
        check(&for_a_minute(30), Priority::Bulk);
    }

    #[test]
    fn a_transfer_that_the_path_holds_back_stays_bulk() {
        let mut steps = vec![Sends(0, 4096)];
        (0..20).for_each(|_| steps.extend([IsBlocked(0), Sends(1000, 10)]));
        check(&steps, Priority::Bulk);
        // One that waited in vain without having sent much is as usual.
        check(&[Sends(0, 10), IsBlocked(0), Sends(5000, 10)], Priority::Usual);
    }

    proptest! {
        /// Whatever has been sent, a second of quiet is enough; and within a burst's bytes a second nobody is demoted.
        #[test]
        fn quiet_is_enough(sent in proptest::collection::vec((0_u32..2_000, 0_usize..1_000_000), 0..50)) {
            let start = Instant::now();
            let (mut demotion, mut now) = (Demotion::new(start), start);
            let mut total = 0;
            for (wait, bytes) in sent {
                now += MILLISECOND * wait;
                demotion.resume(now);
                demotion.sent(bytes);
                total += bytes as u64;
                prop_assert!(total > BURST || demotion.priority == Priority::Usual);
            }
            demotion.resume(now + LEAK);
            prop_assert_eq!(demotion.priority, Priority::Usual);
        }
    }
}
