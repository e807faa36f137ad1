//! A snapshot that is being written.

use crate::disk::writer::{Room, Writer};
use crate::disk::{DiskError, NewFile, Operation};

/// How the names of the files begin that snapshots are kept as.
pub(super) const PREFIX: &str = "snapshot-";

/// The file of a generation.
pub(crate) fn name(generation: u64) -> String {
    format!("{PREFIX}{generation}")
}

/// A draft that is written to its end.
pub(super) struct Whole {
    pub(super) file: Box<dyn NewFile>,
    pub(super) generation: u64,
    pub(super) bytes: u64,
}

/// A snapshot that is being written. Dropped, it leaves nothing behind.
pub(crate) struct Draft {
    writer: Writer,
    /// `None` after a failure.
    file: Option<Box<dyn NewFile>>,
    generation: u64,
    bytes: u64,
}

impl Draft {
    /// Begins one.
    pub(super) async fn begin(writer: Writer, generation: u64) -> Result<Self, DiskError> {
        let file = writer.file(Room::Optional, move |disk| disk.files().create(&name(generation))).await?;
        Ok(Self { writer, file: Some(file), generation, bytes: 0 })
    }

    /// Writes the next piece.
    pub(crate) async fn append(&mut self, piece: Vec<u8>) -> Result<(), DiskError> {
        let mut file = self.file.take().ok_or_else(|| self.failed_before())?;
        self.bytes += piece.len() as u64;
        // The file travels to the disk's thread and back.
        self.file = Some(self.writer.file(Room::Optional, move |_| file.append(&piece).map(|()| file)).await?);
        Ok(())
    }

    /// The whole of it.
    pub(super) fn finish(mut self) -> Result<Whole, DiskError> {
        let file = self.file.take().ok_or_else(|| self.failed_before())?;
        Ok(Whole { file, generation: self.generation, bytes: self.bytes })
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
