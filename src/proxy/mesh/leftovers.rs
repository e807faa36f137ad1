//! Connections whose place another one has, as happens when two proxies dial each other at once: what runs over them runs on, and no new stream is opened there. Their dialler
//! keeps them alive, so that they would stay for as long as the peer does: once nothing has run over one for a while, it is closed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use warren_raft::mutant;

use super::PeerConnection;
use crate::wire::close::Close;

/// How long nothing has run over one that is closed: as long as QUIC waits for a sign of life of a peer. A peer that had it in its place after all, which takes several dials that
/// cross, makes another one.
pub(super) const UNUSED: Duration = Duration::from_secs(5);

/// Those of one link.
#[derive(Debug, Default)]
pub(super) struct Leftovers {
    all: Mutex<Vec<Leftover>>,
}

/// One of them.
#[derive(Debug)]
struct Leftover {
    made: PeerConnection,
    /// Frames of streams that it had carried when it was looked at last.
    frames: u64,
    /// Since when those are all.
    since: Instant,
}

impl Leftovers {
    /// Keeps one in mind.
    pub(super) fn add(&self, made: PeerConnection) {
        let leftover = Leftover { frames: frames(&made), made, since: Instant::now() };
        self.lock().push(leftover);
    }

    /// Those that live.
    pub(super) fn live(&self) -> Vec<PeerConnection> {
        self.lock().iter().map(|left| &left.made).filter(|made| made.connection.close_reason().is_none()).cloned().collect()
    }

    /// Closes those over which nothing has run for [`UNUSED`].
    pub(super) fn tidy(&self, now: Instant) {
        self.lock().retain_mut(|left| left.stays(now));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Leftover>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leftover {
    /// Whether it is still to be looked at, at `now`; if not, it is closed.
    fn stays(&mut self, now: Instant) -> bool {
        let Self { made, frames: before, since } = self;
        if made.connection.close_reason().is_some() {
            return false;
        }
        let carried = frames(made);
        if made.load.streams() > 0 || carried != *before {
            (*before, *since) = (carried, now);
        }
        let stays = now.saturating_duration_since(*since) < UNUSED || mutant!("leftover_kept");
        if !stays {
            tracing::debug!(peer = %made.peer, lane = %made.lane, "another connection has its place, and nothing runs over it: closed");
            Close::REPLACED.close(&made.connection);
        }
        stays
    }
}

fn frames(made: &PeerConnection) -> u64 {
    let stats = made.connection.stats();
    stats.frame_rx.stream + stats.frame_tx.stream
}
