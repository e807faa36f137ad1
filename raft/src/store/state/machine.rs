//! openraft's `RaftStateMachine`: applies entries to the table, and makes and installs snapshots of it.

use std::sync::Arc;

use openraft::storage::RaftStateMachine;
use openraft::{AnyError, OptionalSend, StorageIOError};

use super::builder::Builder;
use super::image::Image;
use super::known_level::KnownLevel;
use super::let_go::let_go_of_shown;
use super::published::Published;
use super::shelf::{Shelf, decode};
use super::snapshot_data::SnapshotData;
use crate::disk::{DiskError, OpenError};
use crate::store::types::{Applied, Entry, LogId, Membership, Snapshot, SnapshotMeta, StorageError, TypeConfig};
use crate::{mutant, reached};

/// The applied state of this member.
pub(crate) struct StateMachine {
    image: Image,
    published: Arc<Published>,
    shelf: Shelf,
    known: KnownLevel,
    /// Whether the table that is shown has little in common with the next one: it is of another opening.
    shows_foreign: bool,
}

impl StateMachine {
    /// Starts from what the current snapshot holds; openraft applies the rest of the log to it.
    pub(crate) fn new(shelf: Shelf, image: Option<Image>, published: Arc<Published>) -> Self {
        let image = image.unwrap_or_default();
        // What was shown before is empty, or newer and shown on.
        let shows_foreign = published.publish(&image.table, image.last_applied).is_none();
        Self { image, published, shelf, known: KnownLevel::default(), shows_foreign }
    }

    /// Minds from now on what this member knows.
    pub(crate) fn minding(self, known: KnownLevel, location: &str) -> Result<Self, OpenError> {
        let found = self.image.table.level();
        if found > known.level {
            return Err(OpenError::Outdated { location: location.to_owned(), found, known: known.level });
        }
        Ok(Self { known, ..self })
    }

    async fn publish(&mut self) {
        tracing::trace!(member = %self.known.member, last = ?self.image.last_applied, "applied");
        #[cfg(simulation)]
        crate::store::promises::applied(self.known.member, &self.image);
        let Some(replaced) = self.published.publish(&self.image.table, self.image.last_applied) else { return };
        if std::mem::take(&mut self.shows_foreign) {
            let_go_of_shown(Arc::unwrap_or_clone(replaced)).await;
        }
    }

    /// What is to be the state, and on the disk as the current snapshot when this returns.
    async fn take_in(&self, meta: &SnapshotMeta, data: SnapshotData) -> Result<Image, StorageError> {
        let unreadable = |error: AnyError| StorageError::from(StorageIOError::read_snapshot(Some(meta.signature()), error));
        let not_written =
            |error: DiskError| StorageError::from(StorageIOError::write_snapshot(Some(meta.signature()), AnyError::new(&error)));
        match data {
            SnapshotData::Received(image, draft) => {
                self.known.check(image.table.level())?;
                self.shelf.replace(draft, &image).await.map_err(not_written)?;
                Ok(*image)
            }
            SnapshotData::Stored(stored) => {
                let read = decode(&stored).await.map_err(|error| unreadable(AnyError::new(&error)))?;
                let image = read.map_err(|error| unreadable(AnyError::new(&error)))?;
                self.known.check(image.table.level())?;
                self.shelf.store(&image).await.map_err(not_written)?;
                Ok(image)
            }
            SnapshotData::Awaited => Err(unreadable(AnyError::error("nothing was received"))),
        }
    }
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, Membership), StorageError> {
        Ok((self.image.last_applied, self.image.membership.clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Applied>, StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut answers = Vec::new();
        for entry in entries {
            if mutant!("apply_skips") && answers.len() % 2 == 1 {
                answers.push(Applied::default());
                continue;
            }
            answers.push(self.image.apply(entry));
            self.known.check(self.image.table.level())?;
        }
        self.publish().await;
        reached!("raft.applied");
        Ok(answers)
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        Builder { image: self.image.clone(), shelf: self.shelf.clone() }
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<SnapshotData>, StorageError> {
        Ok(Box::new(SnapshotData::Awaited))
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, snapshot: Box<SnapshotData>) -> Result<(), StorageError> {
        let image = self.take_in(meta, *snapshot).await?;
        reached!("raft.snapshot_taken_in");
        let replaced = std::mem::replace(&mut self.image, image);
        self.publish().await;
        let_go_of_shown(replaced.table).await;
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot>, StorageError> {
        let current = self.shelf.current();
        Ok(current.map(|stored| Snapshot { meta: stored.meta().clone(), snapshot: Box::new(SnapshotData::Stored(stored)) }))
    }
}
