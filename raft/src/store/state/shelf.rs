//! The place of the current snapshot.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::sleep;

use super::codec::{Decoder, Encoder, SnapshotError};
use super::draft::{Draft, PREFIX, Whole, name};
use super::image::Image;
use super::stored::Stored;
use crate::disk::writer::{Room, Writer};
use crate::disk::{Change, Disk, DiskError, Fault, OpenError};
use crate::store::log::purge_changes;
use crate::store::records::{SNAPSHOT, get_meta, put_meta};
use crate::store::types::{LogId, SnapshotMeta};
use crate::{mutant, reached};

/// How long after a full disk a snapshot is tried again.
const FULL_PAUSE: Duration = Duration::from_secs(5);

/// The place of the current snapshot: a newer one takes it, an older one never does. Clones are the same place.
#[derive(Clone)]
pub(crate) struct Shelf {
    writer: Writer,
    kept: Arc<Mutex<Kept>>,
    /// The newest generation that was begun.
    begun: Arc<AtomicU64>,
    deferred: watch::Sender<Deferred>,
}

#[derive(Default)]
struct Kept {
    current: Option<Stored>,
    took: Duration,
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
    /// [`OpenError`] where it is damaged or missing.
    pub(crate) async fn open(writer: Writer) -> Result<(Self, Option<Image>), OpenError> {
        let current: Option<u64> = writer.read(|disk| get_meta(disk, SNAPSHOT)).await?;
        writer.file(Room::Optional, move |disk| disk.files().remove_others(PREFIX, current.map(name).as_deref())).await?;
        let deferred = watch::Sender::new(Deferred::Nothing);
        let shelf = Self { writer, kept: Arc::default(), begun: Arc::new(AtomicU64::new(current.unwrap_or(0))), deferred };
        let Some(name) = current.map(name) else { return Ok((shelf, None)) };
        let damaged = |reason: String| OpenError::Damaged { location: shelf.writer.path(&name), reason };
        let sought = name.clone();
        let found = shelf.writer.read(move |disk| disk.files().open(&sought)?.map(|file| Ok((file.bytes()?, file))).transpose()).await?;
        let (bytes, file) = found.ok_or_else(|| damaged("it is missing".to_owned()))?;
        let read = Stored::new(Image::default().meta(), bytes, Arc::clone(&file), shelf.writer.clone());
        let image = decode(&read).await?.map_err(|error| damaged(error.to_string()))?;
        shelf.lock().current = Some(Stored::new(image.meta(), bytes, file, shelf.writer.clone()));
        Ok((shelf, Some(image)))
    }

    /// The current snapshot.
    pub(crate) fn current(&self) -> Option<Stored> {
        self.lock().current.clone()
    }

    /// What the whole disk takes.
    pub(crate) async fn disk_bytes(&self) -> Result<u64, DiskError> {
        self.writer.read(|disk| Ok(disk.bytes())).await
    }

    /// Notes how long a snapshot took that was made here.
    pub(super) fn note(&self, took: Duration) {
        self.lock().took = took;
    }

    /// How long the last snapshot took that was made here.
    pub(crate) fn took(&self) -> Duration {
        self.lock().took
    }

    /// Begins a snapshot.
    pub(crate) async fn begin(&self) -> Result<Draft, DiskError> {
        let generation = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
        Draft::begin(self.writer.clone(), generation).await
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
        let draft = self.write(image).await?;
        self.replace(draft, image).await
    }

    /// Makes a snapshot of the state current, and at the same moment all of `also` true.
    pub(crate) async fn store_with(&self, image: &Image, also: Vec<Change>) -> Result<(), DiskError> {
        let draft = self.write(image).await?;
        self.settle(draft, image, also).await.map(|_| ())
    }

    async fn write(&self, image: &Image) -> Result<Draft, DiskError> {
        let mut draft = self.begin().await?;
        for piece in Encoder::new(image) {
            draft.append(piece).await?;
            reached!("raft.snapshot_piece");
            yield_now().await;
        }
        Ok(draft)
    }

    /// Makes a whole draft of this state the current snapshot unless a newer one is: durable when this returns. Returns the current one.
    pub(crate) async fn replace(&self, draft: Draft, image: &Image) -> Result<Stored, DiskError> {
        let settled = self.settle(draft, image, Vec::new()).await;
        settled.inspect_err(|error| drop(self.deferred.send_replace(Deferred::Failed(error.clone()))))
    }

    async fn settle(&self, draft: Draft, image: &Image, also: Vec<Change>) -> Result<Stored, DiskError> {
        let (shelf, meta) = (self.clone(), image.meta());
        let whole = draft.finish()?;
        self.writer.file(Room::Essential, move |disk| shelf.settle_on(disk, whole, meta, also)).await
    }

    /// On the disk's thread, which does one thing after the other: nothing comes between the look at the current snapshot and what follows.
    fn settle_on(&self, disk: &dyn Disk, whole: Whole, meta: SnapshotMeta, also: Vec<Change>) -> Result<Stored, DiskError> {
        if let Some(newer) = self.current().filter(|current| current.meta().last_log_id >= meta.last_log_id) {
            return Ok(newer);
        }
        let Whole { file, generation, bytes } = whole;
        let stored = Stored::new(meta, bytes, file.keep()?, self.writer.clone());
        let mut batch = vec![put_meta(SNAPSHOT, &generation)];
        batch.extend(also);
        let deferred = self.deferred.borrow().clone();
        let due = match deferred {
            Deferred::Upto(upto) if Some(upto) <= stored.meta().last_log_id => purge_changes(upto),
            Deferred::Upto(_) | Deferred::Nothing | Deferred::Failed(_) => Vec::new(),
        };
        let purges = !due.is_empty();
        batch.extend(due);
        reached!("raft.snapshot_kept");
        disk.write(&batch)?;
        disk.flush()?;
        reached!("raft.snapshot_current");
        self.lock().current = Some(stored.clone());
        if purges {
            self.deferred.send_replace(Deferred::Nothing);
        }
        disk.files().remove_others(PREFIX, Some(&name(generation)))?;
        Ok(stored)
    }

    /// A snapshot is about to be installed. openraft purges the log that it covers at once, maybe before it is on the disk; a crash between
    /// the two would leave neither. So from now on such a purge waits for its snapshot.
    pub(crate) fn guard(&self) {
        self.lock().guarded = true;
    }

    /// Whether the log may be purged up to `upto` now. If not it is done later.
    pub(crate) fn may_purge(&self, upto: LogId) -> bool {
        let kept = self.lock();
        if !kept.guarded || mutant!("purge_unguarded") || kept.last().is_some_and(|last| last.index >= upto.index) {
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
