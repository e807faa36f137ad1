//! openraft's `RaftSnapshotBuilder`.

use openraft::{AnyError, RaftSnapshotBuilder, StorageIOError};
use tokio::time::Instant;

use super::image::Image;
use super::let_go::let_go;
use super::shelf::Shelf;
use super::snapshot_data::SnapshotData;
use crate::store::types::{Snapshot, StorageError, TypeConfig};

/// Makes a snapshot of the state as it was when the builder was asked for, while that goes on to change.
pub(crate) struct Builder {
    pub(super) image: Image,
    pub(super) shelf: Shelf,
}

impl RaftSnapshotBuilder<TypeConfig> for Builder {
    async fn build_snapshot(&mut self) -> Result<Snapshot, StorageError> {
        let began = Instant::now();
        let stored = self.shelf.store(&self.image).await.map_err(|error| {
            StorageError::from(StorageIOError::write_snapshot(Some(self.image.meta().signature()), AnyError::new(&error)))
        })?;
        let took = began.elapsed();
        let_go(std::mem::take(&mut self.image.table)).await;
        self.shelf.note(took);
        tracing::info!(index = stored.meta().last_log_id.map_or(0, |id| id.index), bytes = stored.bytes(), ?took, "a snapshot was made");
        Ok(Snapshot { meta: stored.meta().clone(), snapshot: Box::new(SnapshotData::Stored(stored)) })
    }
}
