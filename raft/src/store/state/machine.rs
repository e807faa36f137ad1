//! openraft's `RaftStateMachine`: applies entries to the table, and makes and installs snapshots of it.

use std::io::Cursor;
use std::sync::Arc;

use openraft::storage::RaftStateMachine;
use openraft::{AnyError, OptionalSend, RaftSnapshotBuilder, StorageIOError};

use super::image::Image;
use super::known_level::KnownLevel;
use super::published::Published;
use super::snapshots;
use crate::disk::writer::Writer;
use crate::disk::{DiskError, OpenError};
use crate::store::types::{Applied, Entry, LogId, Membership, Snapshot, SnapshotMeta, StorageError, TypeConfig};

/// The applied state of this member.
pub(crate) struct StateMachine {
    image: Image,
    published: Arc<Published>,
    writer: Writer,
    known: KnownLevel,
}

impl StateMachine {
    /// Starts from the current snapshot; openraft applies the rest of the log to it.
    pub(crate) async fn load(writer: Writer, published: Arc<Published>) -> Result<Self, OpenError> {
        let image = match snapshots::load(&writer).await? {
            Some((_, bytes)) => snapshots::decode(&bytes).map_err(|error| OpenError::Damaged {
                location: writer.location(),
                reason: format!("the snapshot does not decode: {error}"),
            })?,
            None => Image::default(),
        };
        let machine = Self { image, published, writer, known: KnownLevel::default() };
        machine.publish();
        Ok(machine)
    }

    /// The state alone, for who does not run a member.
    pub(crate) fn into_image(self) -> Image {
        self.image
    }

    /// Minds from now on what this member knows.
    pub(crate) fn minding(self, known: KnownLevel) -> Result<Self, OpenError> {
        let found = self.image.table.level();
        if found > known.level {
            return Err(OpenError::Outdated { location: self.writer.location(), found, known: known.level });
        }
        Ok(Self { known, ..self })
    }

    fn publish(&self) {
        self.published.publish(&self.image.table, self.image.last_applied);
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
            answers.push(self.image.apply(entry));
            self.known.check(self.image.table.level())?;
        }
        self.publish();
        Ok(answers)
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        Builder { image: self.image.clone(), writer: self.writer.clone() }
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<Cursor<Vec<u8>>>, StorageError> {
        Ok(Box::default())
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, snapshot: Box<Cursor<Vec<u8>>>) -> Result<(), StorageError> {
        let bytes = snapshot.into_inner();
        let image =
            snapshots::decode(&bytes).map_err(|error| StorageIOError::read_snapshot(Some(meta.signature()), AnyError::new(&error)))?;
        self.known.check(image.table.level())?;
        snapshots::save(&self.writer, meta.clone(), &bytes).await.map_err(|error| write_failed(meta, &error))?;
        self.image = Image { last_applied: meta.last_log_id, membership: meta.last_membership.clone(), ..image };
        self.publish();
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot>, StorageError> {
        let current = snapshots::load(&self.writer).await;
        let current = current.map_err(|error| StorageIOError::read_snapshot(None, AnyError::new(&error)))?;
        Ok(current.map(|(meta, bytes)| Snapshot { meta, snapshot: Box::new(Cursor::new(bytes)) }))
    }
}

/// Makes a snapshot of the state as it was when the builder was asked for.
pub(crate) struct Builder {
    image: Image,
    writer: Writer,
}

impl RaftSnapshotBuilder<TypeConfig> for Builder {
    async fn build_snapshot(&mut self) -> Result<Snapshot, StorageError> {
        let bytes = snapshots::encode(&self.image);
        let meta = self.image.meta();
        snapshots::save(&self.writer, meta.clone(), &bytes).await.map_err(|error| write_failed(&meta, &error))?;
        Ok(Snapshot { meta, snapshot: Box::new(Cursor::new(bytes)) })
    }
}

fn write_failed(meta: &SnapshotMeta, error: &DiskError) -> StorageError {
    StorageIOError::write_snapshot(Some(meta.signature()), AnyError::new(error)).into()
}
