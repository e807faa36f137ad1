//! Sends a snapshot to a peer: a few pieces on their way at once, each read from the disk when its turn comes.

use std::future::Future;
use std::time::Duration;

use openraft::error::{Fatal, ReplicationClosed, StreamingError, Unreachable};
use openraft::raft::SnapshotResponse;
use openraft::{AnyError, StorageIOError};
use tokio::task::JoinSet;

use super::message::{Received, SnapshotPiece, SnapshotProgress};
use super::network::Link;
use super::receiver::WINDOW;
use super::state::Stored;
use super::types::{StorageError, TypeConfig, Vote};
use crate::ids::ProxyId;

/// Why a snapshot did not arrive.
pub(crate) type SendError = StreamingError<TypeConfig, Fatal<ProxyId>>;
/// A piece that was lost is sent again so often before the whole transfer counts as failed.
const TRIES: u32 = 5;

/// A snapshot on its way to a peer.
pub(crate) struct Sender {
    link: Link,
    vote: Vote,
    stored: Stored,
    /// How long an answer to one piece is waited for.
    deadline: Duration,
    flights: JoinSet<Result<SnapshotProgress, SendError>>,
    /// The peer has all pieces before this one.
    arrived: u32,
    /// The next one to send.
    next: u32,
    /// How many have failed since the last that arrived.
    failures: u32,
}

impl Sender {
    /// Sends this snapshot as the leader with this vote.
    pub(crate) fn new(link: Link, vote: Vote, stored: Stored, deadline: Duration) -> Self {
        Self { link, vote, stored, deadline, flights: JoinSet::new(), arrived: 0, next: 0, failures: 0 }
    }

    /// Sends until the peer has everything, has a leader of a later term, or cannot be reached, or `cancel` resolves.
    pub(crate) async fn run(mut self, cancel: impl Future<Output = ReplicationClosed>) -> Result<SnapshotResponse<ProxyId>, SendError> {
        let mut cancel = std::pin::pin!(cancel);
        loop {
            self.launch().await?;
            let landed = tokio::select! {
                biased;
                closed = &mut cancel => return Err(closed.into()),
                landed = self.flights.join_next() => landed,
            };
            let answer = match landed {
                Some(Ok(answer)) => answer,
                Some(Err(panicked)) => std::panic::resume_unwind(panicked.into_panic()),
                // The peer has asked for a piece that there is not.
                None => return Err(Unreachable::new(&AnyError::error("the peer wants more than the snapshot has")).into()),
            };
            match answer {
                // A later term, or all of it: either ends it.
                Ok(SnapshotProgress { vote, .. }) if vote > self.vote => return Ok(SnapshotResponse::new(vote)),
                Ok(SnapshotProgress { vote, received: Received::All }) => return Ok(SnapshotResponse::new(vote)),
                Ok(SnapshotProgress { received: Received::Before(next), .. }) if next > self.arrived => self.arrived(next),
                // Answers overtake each other; but when nothing is on its way any more, the peer has lost what it had.
                Ok(SnapshotProgress { received: Received::Before(next), .. }) if self.flights.is_empty() => {
                    self.arrived = next;
                    self.failed(Unreachable::new(&AnyError::error("the peer begins anew")).into()).await?;
                }
                Ok(_) => {}
                Err(error) => self.failed(error).await?,
            }
        }
    }

    /// Sends what the window allows. The first piece goes alone: the answer may be that the peer has many already.
    async fn launch(&mut self) -> Result<(), StorageError> {
        let window = if self.arrived == 0 { 1 } else { WINDOW };
        let end = self.arrived.saturating_add(window).min(self.stored.pieces());
        if self.flights.is_empty() {
            // Whatever was sent and did not arrive is lost.
            self.next = self.arrived;
        }
        while self.next < end {
            let piece = self.stored.piece(self.next).await.map_err(|error| {
                StorageError::from(StorageIOError::read_snapshot(Some(self.stored.meta().signature()), AnyError::new(&error)))
            })?;
            let sent = SnapshotPiece { vote: self.vote, last: self.stored.meta().last_log_id, number: self.next, piece: piece.into() };
            let (link, deadline) = (self.link.clone(), self.deadline);
            self.flights.spawn(async move { link.send_piece(sent, deadline).await });
            self.next += 1;
        }
        Ok(())
    }

    fn arrived(&mut self, next: u32) {
        self.failures = 0;
        self.arrived = next;
        self.next = self.next.max(next);
    }

    async fn failed(&mut self, error: SendError) -> Result<(), SendError> {
        self.failures += 1;
        if self.failures >= TRIES {
            return Err(error);
        }
        tracing::debug!(%error, "a piece of a snapshot did not arrive");
        self.link.pause().await;
        Ok(())
    }
}
