//! The place of the current snapshot.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::sleep;

use super::codec::{Decoder, Encoder, SnapshotError};
use super::draft::{Draft, SNAPSHOT};
use super::image::Image;
use super::stored::Stored;
use crate::disk::writer::{Room, Writer};
use crate::disk::{Disk, DiskError, Fault, NewFile, OpenError};
use crate::store::log::purge_changes;
use crate::store::records::{PURGED, get_meta};
use crate::store::types::{LogId, SnapshotMeta};

/// How long after a full disk a snapshot is tried again.
const FULL_PAUSE: Duration = Duration::from_secs(5);

/// The place of the current snapshot: a newer one takes it, an older one never does. Clones are the same place.
#[derive(Clone)]
pub(crate) struct Shelf {
    writer: Writer,
    kept: Arc<Mutex<Kept>>,
    deferred: watch::Sender<Deferred>,
}

#[derive(Default)]
struct Kept {
    current: Option<Stored>,
    /// Whether a snapshot was ever about to be installed: from then on nothing is purged that no snapshot covers.
    guarded: bool,
}

impl Kept {
    fn last(&self) -> Option<LogId> {
        self.current.as_ref().and_then(|current| current.meta().last_log_id)
    }
}

/// What is left to be purged.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Deferred {
    /// Nothing.
    Nothing,
    /// The log up to here, once the snapshot that is being installed covers it.
    Upto(LogId),
    /// That snapshot could not be written.
    Failed(DiskError),
}

impl Shelf {
    /// Finds the current snapshot, and what it holds.
    ///
    /// # Errors
    /// [`OpenError`] where it is damaged, or is not there although the log goes on behind it.
    pub(crate) async fn open(writer: Writer) -> Result<(Self, Option<Image>), OpenError> {
        let shelf = Self { writer, kept: Arc::default(), deferred: watch::Sender::new(Deferred::Nothing) };
        let image = match shelf.writer.read(|disk| disk.files().open(SNAPSHOT)).await? {
            Some(file) => {
                let sized = Arc::clone(&file);
                let bytes = shelf.writer.read(move |_| sized.bytes()).await?;
                let read = Stored::new(Image::default().meta(), bytes, Arc::clone(&file), shelf.writer.clone());
                let image = decode(&read).await?.map_err(|error| shelf.damaged(error.to_string()))?;
                shelf.lock().current = Some(Stored::new(image.meta(), bytes, file, shelf.writer.clone()));
                Some(image)
            }
            None => None,
        };
        let purged: Option<LogId> = shelf.writer.read(|disk| get_meta(disk, PURGED)).await?;
        if purged.map(|id| id.index) > shelf.lock().last().map(|id| id.index) {
            return Err(shelf.damaged("it is lost, or older than the log that follows it".to_owned()));
        }
        Ok((shelf, image))
    }

    /// The current snapshot.
    pub(crate) fn current(&self) -> Option<Stored> {
        self.lock().current.clone()
    }

    /// Begins a snapshot.
    pub(crate) async fn begin(&self) -> Result<Draft, DiskError> {
        Draft::begin(self.writer.clone()).await
    }

    /// Writes a snapshot of this state, letting others have their turn between two pieces, and makes it the current one. Returns the one that is
    /// current then: this, or a newer one. While there is no room for it, it is tried again: the log goes on for as long as there is
    /// room for that.
    pub(crate) async fn store(&self, image: &Image) -> Result<Stored, DiskError> {
        loop {
            match self.try_to_store(image).await {
                Err(error) if error.fault == Fault::Full => {
                    tracing::warn!(%error, "there is no room for a snapshot; it is tried again");
                    sleep(FULL_PAUSE).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn try_to_store(&self, image: &Image) -> Result<Stored, DiskError> {
        if let Some(current) = self.current().filter(|current| current.meta().last_log_id >= image.last_applied) {
            return Ok(current);
        }
        let mut draft = self.begin().await?;
        for piece in Encoder::new(image) {
            draft.append(piece).await?;
            yield_now().await;
        }
        self.replace(draft, image).await
    }

    /// Makes a whole draft of this state the current snapshot unless a newer one is: durable when this returns. Returns the current one.
    pub(crate) async fn replace(&self, draft: Draft, image: &Image) -> Result<Stored, DiskError> {
        let (shelf, meta) = (self.clone(), image.meta());
        let replaced = async {
            let (file, bytes) = draft.finish()?;
            self.writer.file(Room::Essential, move |disk| shelf.settle(disk, file, (meta, bytes))).await
        };
        replaced.await.inspect_err(|error| drop(self.deferred.send_replace(Deferred::Failed(error.clone()))))
    }

    /// On the disk's thread, which does one thing after the other: nothing comes between the look at the current snapshot and what follows.
    fn settle(&self, disk: &dyn Disk, file: Box<dyn NewFile>, (meta, bytes): (SnapshotMeta, u64)) -> Result<Stored, DiskError> {
        let newer = self.current().filter(|current| current.meta().last_log_id >= meta.last_log_id);
        let current = match newer {
            Some(newer) => newer,
            None => {
                let stored = Stored::new(meta, bytes, file.keep()?, self.writer.clone());
                self.lock().current = Some(stored.clone());
                stored
            }
        };
        let deferred = self.deferred.borrow().clone();
        if let Deferred::Upto(upto) = deferred
            && Some(upto) <= current.meta().last_log_id
        {
            disk.write(&purge_changes(upto))?;
            self.deferred.send_replace(Deferred::Nothing);
        }
        Ok(current)
    }

    /// A snapshot is about to be installed. openraft purges the log that it covers at once, maybe before it is on the disk; a crash between
    /// the two would leave neither. So from now on such a purge waits for its snapshot.
    pub(crate) fn guard(&self) {
        self.lock().guarded = true;
    }

    /// Whether the log may be purged up to `upto` now. If not it is done later.
    pub(crate) fn may_purge(&self, upto: LogId) -> bool {
        let kept = self.lock();
        if !kept.guarded || kept.last().is_some_and(|last| last.index >= upto.index) {
            return true;
        }
        self.deferred.send_replace(Deferred::Upto(upto));
        false
    }

    /// Waits until nothing is left to be purged: what is appended before would leave a gap behind the old entries.
    pub(crate) async fn purged(&self) -> Result<(), DiskError> {
        let mut deferred = self.deferred.subscribe();
        match deferred.wait_for(|deferred| !matches!(deferred, Deferred::Upto(_))).await.as_deref() {
            Ok(Deferred::Failed(error)) => Err(error.clone()),
            // The sender is in `self`.
            Ok(Deferred::Nothing | Deferred::Upto(_)) | Err(_) => Ok(()),
        }
    }

    fn damaged(&self, reason: String) -> OpenError {
        OpenError::Damaged { location: self.writer.path(SNAPSHOT), reason }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads what a stored snapshot holds, letting others have their turn between two pieces.
pub(crate) async fn decode(stored: &Stored) -> Result<Result<Image, SnapshotError>, DiskError> {
    let mut decoder = Decoder::default();
    for number in 0..stored.pieces() {
        if let Err(error) = decoder.push(&stored.piece(number).await?) {
            return Ok(Err(error));
        }
        yield_now().await;
    }
    Ok(decoder.finish())
}
