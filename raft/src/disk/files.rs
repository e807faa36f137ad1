//! Whole files beside the records: for what is large, written once from front to back and replaced as a whole.

use std::sync::Arc;

use super::DiskError;

/// The files of a disk.
///
/// A file appears under its name when it is whole and durable, in one step: after a crash the name stands for the last file that was
/// kept or for the one before it, never for a part. What was begun and not kept is gone when the disk is opened again.
pub trait Files: Send + Sync {
    /// Begins a file that may be kept as `name`.
    ///
    /// # Errors
    /// [`DiskError`]
    fn create(&self, name: &str) -> Result<Box<dyn NewFile>, DiskError>;

    /// The file that was kept as `name` last. It stays readable through the answer when another one takes its name.
    ///
    /// # Errors
    /// [`DiskError`]
    fn open(&self, name: &str) -> Result<Option<Arc<dyn KeptFile>>, DiskError>;

    /// Removes the files whose names begin with `prefix`, but for `name` and those that are being written.
    ///
    /// # Errors
    /// [`DiskError`]
    fn remove_others(&self, prefix: &str, name: Option<&str>) -> Result<(), DiskError>;
}

/// A file that is being written. Dropped before it is kept, it leaves nothing behind.
pub trait NewFile: Send {
    /// Writes the next bytes.
    ///
    /// # Errors
    /// [`DiskError`]
    fn append(&mut self, bytes: &[u8]) -> Result<(), DiskError>;

    /// Makes it durable and lets it take its name.
    ///
    /// # Errors
    /// [`DiskError`]; the earlier file keeps the name then, unless only the very last step failed.
    fn keep(self: Box<Self>) -> Result<Arc<dyn KeptFile>, DiskError>;
}

/// A whole file.
pub trait KeptFile: Send + Sync {
    /// Its length.
    ///
    /// # Errors
    /// [`DiskError`]
    fn bytes(&self) -> Result<u64, DiskError>;

    /// The bytes from `offset` on, at most `length`; fewer only at its end.
    ///
    /// # Errors
    /// [`DiskError`]
    fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>, DiskError>;
}
