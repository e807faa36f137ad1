//! One opening of a [`SimVolume`](super::SimVolume).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use warren_raft::disk::{Change, Disk, DiskError, Files, KeyRange, Operation, Record, Space};

use super::platter::Platter;

/// The platter behind a lock, as one opening sees it: of no use once it was closed, or the platter was opened again or lost power.
#[derive(Clone)]
pub(super) struct Lane {
    pub(super) platter: Arc<Mutex<Platter>>,
    pub(super) generation: u64,
}

impl Lane {
    pub(super) fn lock(&self) -> MutexGuard<'_, Platter> {
        self.platter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The platter, if it can still be used.
    pub(super) fn usable(&self, operation: Operation) -> Result<MutexGuard<'_, Platter>, DiskError> {
        let platter = self.lock();
        if platter.closed || platter.generation != self.generation {
            return Err(DiskError::broken(platter.location.clone(), operation, "the store is closed"));
        }
        Ok(platter)
    }

    /// The platter, to read from.
    pub(super) fn readable(&self) -> Result<MutexGuard<'_, Platter>, DiskError> {
        let mut platter = self.usable(Operation::Read)?;
        if platter.faults.strike(Operation::Read) {
            platter.counters.reads_failed += 1;
            return Err(platter.broken(Operation::Read, "input/output error"));
        }
        Ok(platter)
    }
}

/// One opening of a disk.
pub(super) struct SimDisk(pub(super) Lane);

impl Disk for SimDisk {
    fn location(&self) -> String {
        self.0.lock().location.clone()
    }

    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, DiskError> {
        Ok(self.0.readable()?.written.get(space, key))
    }

    fn range(&self, space: Space, range: &KeyRange, limit: usize) -> Result<Vec<Record>, DiskError> {
        Ok(self.0.readable()?.written.range(space, range, limit))
    }

    fn last(&self, space: Space) -> Result<Option<Record>, DiskError> {
        Ok(self.0.readable()?.written.last(space))
    }

    fn write(&self, batch: &[Change]) -> Result<(), DiskError> {
        self.0.usable(Operation::Write)?.write(batch)
    }

    fn flush(&self) -> Result<(), DiskError> {
        self.0.usable(Operation::Flush)?.flush()
    }

    fn flush_takes(&self) -> Duration {
        self.0.usable(Operation::Flush).map_or(Duration::ZERO, |mut platter| platter.flush_takes())
    }

    fn files(&self) -> &dyn Files {
        &self.0
    }

    fn bytes(&self) -> u64 {
        self.0.lock().bytes()
    }

    fn close(&self) {
        if let Ok(mut platter) = self.0.usable(Operation::Flush) {
            platter.closed = true;
        }
    }
}
