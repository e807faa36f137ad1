//! Takes a leader's snapshot, piece by piece: each is checked, decoded and written as it comes, so that nothing is left for the end.
//!
//! ```text
//!   piece --> early, a few --> decoder, draft --> (all there) --> openraft --> current snapshot and table
//! ```
//!
//! Pieces may come out of order and more than once. What was received stays until another snapshot is begun, so a sender whose
//! connection broke goes on where it was. Until the last piece fits, the current snapshot and the table are what they were.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Mutex;
use tokio::task::yield_now;
use tokio::time::Instant;

use super::message::{Received, Refusal, SnapshotPiece, SnapshotProgress};
use super::state::codec::Decoder;
use super::state::{Draft, Shelf, SnapshotData, let_go};
use super::types::{LogId, Raft, Snapshot, Vote};
use crate::reached;

/// So many pieces may be on their way at once.
pub(crate) const WINDOW: u32 = 4;

/// What has begun to come and was not gone on with for so long takes room for nothing.
const IDLE: Duration = Duration::from_secs(60);

/// Takes snapshots from leaders.
#[derive(Default)]
pub(crate) struct Receiver {
    /// Held while a piece is taken in: there is one snapshot at a time, and its pieces follow each other.
    begun: Mutex<Option<Receiving>>,
}

/// A snapshot that has begun to come.
struct Receiving {
    vote: Vote,
    last: Option<LogId>,
    decoder: Decoder,
    draft: Draft,
    next: u32,
    /// Pieces whose predecessor is still on its way, less than a window.
    early: BTreeMap<u32, Bytes>,
    /// When the last piece came.
    touched: Instant,
}

impl Receiver {
    /// Takes one piece for this shelf, and says how far the snapshot has come.
    pub(crate) async fn take(&self, raft: &Raft, shelf: &Shelf, sent: SnapshotPiece) -> Result<SnapshotProgress, Refusal> {
        let vote = raft.with_raft_state(|state| *state.vote_ref()).await.map_err(|_| Refusal::Stopped)?;
        let so_far = |received| Ok(SnapshotProgress { vote, received });
        if sent.vote < vote {
            return so_far(Received::Before(0));
        }
        let mut begun = self.begun.lock().await;
        if shelf.current().is_some_and(|current| current.meta().last_log_id >= sent.last) {
            return so_far(Received::All);
        }
        // Taken out until it is whole again: whoever stops waiting here leaves nothing half done.
        let earlier = begun.take();
        let mut receiving = match earlier {
            Some(same) if (same.vote, same.last) == (sent.vote, sent.last) => same,
            other if sent.number != 0 => {
                *begun = other;
                return so_far(Received::Before(0));
            }
            other => {
                if let Some(other) = other {
                    other.give_up().await;
                }
                Receiving::begin(shelf, sent.vote, sent.last).await?
            }
        };
        if let Err(refusal) = receiving.push(sent).await {
            receiving.give_up().await;
            return Err(refusal);
        }
        if receiving.decoder.is_complete() {
            return self.install(raft, receiving).await;
        }
        let next = receiving.next;
        *begun = Some(receiving);
        so_far(Received::Before(next))
    }

    /// Gives up what has begun to come and does not go on: its leader has another way now, or is no more.
    pub(crate) async fn give_up_idle(&self) {
        // Where the lock is held, something comes just now.
        let Ok(mut begun) = self.begun.try_lock() else { return };
        if let Some(idle) = begun.take_if(|receiving| receiving.touched.elapsed() > IDLE) {
            idle.give_up().await;
        }
    }

    async fn install(&self, raft: &Raft, whole: Receiving) -> Result<SnapshotProgress, Refusal> {
        let Receiving { vote, last, decoder, draft, .. } = whole;
        let image = decoder.finish().map_err(refused)?;
        if image.last_applied != last {
            return Err(refused("it is another one than it was called"));
        }
        let snapshot = Snapshot { meta: image.meta(), snapshot: Box::new(SnapshotData::Received(Box::new(image), draft)) };
        let answer = raft.install_full_snapshot(vote, snapshot).await.map_err(|_| Refusal::Stopped)?;
        reached!("raft.installed");
        Ok(SnapshotProgress { vote: answer.vote, received: Received::All })
    }
}

impl Receiving {
    async fn begin(shelf: &Shelf, vote: Vote, last: Option<LogId>) -> Result<Self, Refusal> {
        let draft = shelf.begin().await.map_err(refused)?;
        reached!("raft.install_begun");
        Ok(Self { vote, last, decoder: Decoder::default(), draft, next: 0, early: BTreeMap::new(), touched: Instant::now() })
    }

    /// Nothing of it is needed any more.
    async fn give_up(self) {
        drop(self.draft);
        let_go(self.decoder.into_table()).await;
    }

    async fn push(&mut self, sent: SnapshotPiece) -> Result<(), Refusal> {
        self.touched = Instant::now();
        if (self.next..self.next.saturating_add(WINDOW)).contains(&sent.number) {
            self.early.insert(sent.number, sent.piece);
        }
        while let Some(piece) = self.early.remove(&self.next) {
            self.decoder.push(&piece).map_err(refused)?;
            self.draft.append(piece.into()).await.map_err(refused)?;
            self.next += 1;
            reached!("raft.install_piece");
            yield_now().await;
        }
        Ok(())
    }
}

fn refused(reason: impl std::fmt::Display) -> Refusal {
    let reason = reason.to_string();
    tracing::warn!(reason, "a snapshot was not taken");
    Refusal::Snapshot(reason)
}
