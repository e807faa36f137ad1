//! A saved snapshot becomes the store of a new group of one.

use std::sync::Arc;

use tokio_util::task::TaskTracker;

use super::rewrite::{beginning, group_of_one, rewrite};
use crate::disk::writer::Writer;
use crate::disk::{Disk, DiskDrive, DiskError, KeyRange, OpenError, Space, Volume};
use crate::ids::{KeyHash, ProxyId, Timestamp};
use crate::names::ProxyName;
use crate::store::saved::Saved;
use crate::store::state::Shelf;

/// The first proxy of a group that begins with a saved snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewProxy {
    /// Its name.
    pub name: ProxyName,
    /// The hash of its public key.
    pub key: KeyHash,
    /// Where peers reach it.
    pub peer_address: String,
}

/// Why nothing was restored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// The store does not open or cannot be written.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Something is there that would be lost.
    #[error("the store in `{location}` is not empty")]
    NotEmpty {
        /// The directory.
        location: String,
    },
}

impl From<DiskError> for RestoreError {
    fn from(error: DiskError) -> Self {
        Self::Open(error.into())
    }
}

/// Begins a group of one with what was saved, in an empty store, and returns its proxy's id, [`Saved::next_proxy`]: durable when this returns, and an
/// empty store if it does not.
///
/// # Errors
/// [`RestoreError`]
pub async fn restore(
    saved: Saved,
    new: NewProxy,
    at: Timestamp,
    volume: Arc<dyn Volume>,
    drive: DiskDrive,
) -> Result<ProxyId, RestoreError> {
    let writer = Writer::open(volume, drive, &TaskTracker::new()).await?;
    let written = begin(&writer, saved, new, at).await;
    writer.close().await;
    written
}

async fn begin(writer: &Writer, saved: Saved, new: NewProxy, at: Timestamp) -> Result<ProxyId, RestoreError> {
    if !writer.read(is_empty).await? {
        return Err(RestoreError::NotEmpty { location: writer.location() });
    }
    let mut image = saved.image;
    let me = image.table.succeed_with_new_proxy(new.name, new.key, at);
    let last = image.last_applied.unwrap_or_default();
    let begins = beginning(me, last.leader_id.term + 1, last.index + 1);
    image.last_applied = Some(begins);
    image.membership = group_of_one(begins, me, new.peer_address);
    let (shelf, _) = Shelf::open(writer.clone()).await?;
    rewrite(&shelf, me, &image).await?;
    Ok(me)
}

fn is_empty(disk: &dyn Disk) -> Result<bool, DiskError> {
    let whole = KeyRange { start: Vec::new(), end: None };
    // Pieces that nothing refers to are what a try that was cut off has left.
    Ok(disk.range(Space::Meta, &whole, 1)?.is_empty() && disk.range(Space::Log, &whole, 1)?.is_empty())
}
