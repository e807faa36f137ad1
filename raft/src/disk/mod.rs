//! The disk under the store: ordered keys, atomic batches, and a flush that reaches the platter.
//!
//! A disk is synchronous and slow: it must *never* be called from a task of the async runtime in production. The store
//! drives it from one place, its writer, which is a thread or, in a simulation, a task.

mod cold;
mod directory;
mod error;
mod fence;
mod files;
mod guard;
mod memory;
pub(crate) mod pieces;
mod room;
mod sled;
#[cfg(test)]
mod tests;
mod volume;
pub(crate) mod writer;

pub use self::sled::SledDisk;
pub use error::{DiskError, Fault, OpenError, Operation};
pub(crate) use fence::noted;
pub use files::{Files, KeptFile, NewFile};
pub use guard::contains_panic;
pub use memory::{DiskEvent, MemoryDisk};
pub use room::LEAST as LEAST_FREE;
pub use volume::{SledVolume, Volume};
pub use writer::DiskDrive;

use std::fmt;
use std::time::Duration;

/// A room of keys of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Space {
    /// 0: single records: identity, incarnation, vote, committed, purged.
    Meta,
    /// 1: log entries.
    Log,
}

impl Space {
    /// Its stable number on disk.
    pub fn number(self) -> u8 {
        match self {
            Self::Meta => 0,
            Self::Log => 1,
        }
    }
}

/// A key and its value.
pub type Record = (Vec<u8>, Vec<u8>);

/// A part of a space: from `start`, inclusive, to `end`, exclusive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The first key.
    pub start: Vec<u8>,
    /// The first key beyond; `None` for the end of the space.
    pub end: Option<Vec<u8>>,
}

/// A change within a batch.
#[derive(Clone, PartialEq, Eq)]
pub enum Change {
    /// Sets a key's value.
    Put(Space, Vec<u8>, Vec<u8>),
    /// Removes every key of the range that exists when the batch is written.
    Remove(Space, KeyRange),
}

impl Change {
    /// How many bytes it brings.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Put(_, key, value) => key.len() + value.len(),
            Self::Remove(_, range) => range.start.len(),
        }
    }
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put(space, key, value) => write!(f, "put {space:?} {key:02x?} ({} bytes)", value.len()),
            Self::Remove(space, range) => write!(f, "remove {space:?} {range:02x?}"),
        }
    }
}

/// Whether a disk is tidy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tidied {
    /// It is as small as it gets.
    All,
    /// There is more to do.
    Part,
}

/// Where records are kept.
///
/// A batch is atomic: after a crash either all of it is there or nothing. Batches become durable in the order in which they were
/// written, at the latest when the next [`flush`](Self::flush) returns; what was not flushed may or may not survive a crash.
pub trait Disk: Send + Sync + 'static {
    /// Where it is, for messages to people.
    fn location(&self) -> String;

    /// Reads one value.
    ///
    /// # Errors
    /// [`DiskError`]
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, DiskError>;

    /// Reads the records of a range in order, at most `limit`.
    ///
    /// # Errors
    /// [`DiskError`]
    fn range(&self, space: Space, range: &KeyRange, limit: usize) -> Result<Vec<Record>, DiskError>;

    /// Reads the last record of a space.
    ///
    /// # Errors
    /// [`DiskError`]
    fn last(&self, space: Space) -> Result<Option<Record>, DiskError>;

    /// Writes a batch. Reads see it at once.
    ///
    /// # Errors
    /// [`DiskError`]
    fn write(&self, batch: &[Change]) -> Result<(), DiskError>;

    /// Makes everything that was written durable: it survives a loss of power once this has returned.
    ///
    /// # Errors
    /// [`DiskError`]; after one nothing may be taken for durable any more.
    fn flush(&self) -> Result<(), DiskError>;

    /// The files beside the records.
    fn files(&self) -> &dyn Files;

    /// Does a bounded part of what keeps the disk small, and says whether there is more to do. Called between other work; what goes
    /// wrong costs space and nothing else.
    fn tidy(&self) -> Tidied {
        Tidied::All
    }

    /// The bytes that it takes.
    fn bytes(&self) -> u64;

    /// Flushes, and makes durable too that this was done: a store that has lost it is known by that, however soon power is lost.
    ///
    /// # Errors
    /// [`DiskError`], as of [`flush`](Self::flush).
    fn seal(&self) -> Result<(), DiskError> {
        self.flush()
    }

    /// How long the flush takes that is about to be asked for, on the runtime's clock: it is waited for before the flush, by a task that drives a disk
    /// in memory. Other disks take their time themselves.
    fn flush_takes(&self) -> Duration {
        Duration::ZERO
    }

    /// Lets go of the files, so that they can be opened again. Everything but this fails afterwards.
    fn close(&self);
}
