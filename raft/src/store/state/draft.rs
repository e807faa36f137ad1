//! A snapshot that is being written.

use crate::disk::writer::{Room, Writer};
use crate::disk::{DiskError, NewFile, Operation};

/// The file that snapshots are kept as.
pub(super) const SNAPSHOT: &str = "snapshot";

/// A snapshot that is being written. Dropped, it leaves nothing behind.
pub(crate) struct Draft {
    writer: Writer,
    /// `None` after a failure.
    file: Option<Box<dyn NewFile>>,
    bytes: u64,
}

impl Draft {
    /// Begins one.
    pub(crate) async fn begin(writer: Writer) -> Result<Self, DiskError> {
        let file = writer.file(Room::Optional, |disk| disk.files().create(SNAPSHOT)).await?;
        Ok(Self { writer, file: Some(file), bytes: 0 })
    }

    /// Writes the next piece.
    pub(crate) async fn append(&mut self, piece: Vec<u8>) -> Result<(), DiskError> {
        let mut file = self.file.take().ok_or_else(|| self.failed_before())?;
        self.bytes += piece.len() as u64;
        // The file travels to the disk's thread and back.
        self.file = Some(self.writer.file(Room::Optional, move |_| file.append(&piece).map(|()| file)).await?);
        Ok(())
    }

    /// The file and its size.
    pub(super) fn finish(mut self) -> Result<(Box<dyn NewFile>, u64), DiskError> {
        let file = self.file.take().ok_or_else(|| self.failed_before())?;
        Ok((file, self.bytes))
    }

    fn failed_before(&self) -> DiskError {
        DiskError::broken(self.writer.location(), Operation::Write, "an earlier write has failed")
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            self.writer.discard(file);
        }
    }
}
