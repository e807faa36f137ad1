//! What a loss of power would leave of a disk at this moment, to look at.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use warren_raft::disk::{Change, Disk, DiskError, Files, KeptFile, KeyRange, NewFile, Operation, Record, Space};

use super::platter::Platter;

/// The durable records of a disk, whoever has it open. It can only be read, and no fault gets in the way.
pub struct Durable(pub(super) Arc<Mutex<Platter>>);

impl Durable {
    fn lock(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn only_read(&self, operation: Operation) -> DiskError {
        DiskError::broken(self.location(), operation, "it is only looked at")
    }
}

impl Disk for Durable {
    fn location(&self) -> String {
        self.lock().location.clone()
    }

    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, DiskError> {
        Ok(self.lock().durable.get(space, key))
    }

    fn range(&self, space: Space, range: &KeyRange, limit: usize) -> Result<Vec<Record>, DiskError> {
        Ok(self.lock().durable.range(space, range, limit))
    }

    fn last(&self, space: Space) -> Result<Option<Record>, DiskError> {
        Ok(self.lock().durable.last(space))
    }

    fn write(&self, _: &[Change]) -> Result<(), DiskError> {
        Err(self.only_read(Operation::Write))
    }

    fn flush(&self) -> Result<(), DiskError> {
        Err(self.only_read(Operation::Flush))
    }

    fn files(&self) -> &dyn Files {
        self
    }

    fn bytes(&self) -> u64 {
        self.lock().bytes()
    }

    fn close(&self) {}
}

impl Files for Durable {
    fn create(&self, _: &str) -> Result<Box<dyn NewFile>, DiskError> {
        Err(self.only_read(Operation::Write))
    }

    fn open(&self, name: &str) -> Result<Option<Arc<dyn KeptFile>>, DiskError> {
        Ok(self.lock().files.get(name).cloned().map(|bytes| Arc::new(Bytes(bytes)) as Arc<dyn KeptFile>))
    }

    fn remove_others(&self, _: &str, _: Option<&str>) -> Result<(), DiskError> {
        Err(self.only_read(Operation::Write))
    }
}

struct Bytes(Arc<Vec<u8>>);

impl KeptFile for Bytes {
    fn bytes(&self) -> Result<u64, DiskError> {
        Ok(self.0.len() as u64)
    }

    fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>, DiskError> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.0.get(offset..)).unwrap_or_default();
        Ok(rest[..rest.len().min(length)].to_vec())
    }
}
