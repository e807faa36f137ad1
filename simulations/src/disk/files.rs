//! The files of a disk.

use std::sync::Arc;

use warren_raft::disk::{DiskError, Files, KeptFile, NewFile, Operation};

use super::sim_disk::Lane;

impl Files for Lane {
    fn create(&self, name: &str) -> Result<Box<dyn NewFile>, DiskError> {
        let mut platter = self.usable(Operation::Write)?;
        platter.may_write()?;
        platter.unfinished += 1;
        Ok(Box::new(Unfinished { lane: self.clone(), name: name.to_owned(), bytes: Vec::new() }))
    }

    fn open(&self, name: &str) -> Result<Option<Arc<dyn KeptFile>>, DiskError> {
        let kept = self.readable()?.files.get(name).cloned();
        Ok(kept.map(|bytes| Arc::new(Kept { lane: self.clone(), bytes }) as Arc<dyn KeptFile>))
    }

    fn remove_others(&self, prefix: &str, name: Option<&str>) -> Result<(), DiskError> {
        let mut platter = self.usable(Operation::Write)?;
        platter.may_write()?;
        platter.remove_others(prefix, name);
        Ok(())
    }
}

/// A file that is being written: nothing of it survives a crash.
struct Unfinished {
    lane: Lane,
    name: String,
    bytes: Vec<u8>,
}

impl NewFile for Unfinished {
    fn append(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        self.lane.usable(Operation::Write)?.may_write()?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn keep(mut self: Box<Self>) -> Result<Arc<dyn KeptFile>, DiskError> {
        let bytes = Arc::new(std::mem::take(&mut self.bytes));
        self.lane.usable(Operation::Flush)?.keep(&self.name, &bytes)?;
        Ok(Arc::new(Kept { lane: self.lane.clone(), bytes }))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After a crash it was counted as torn.
        if let Ok(mut platter) = self.lane.usable(Operation::Write) {
            platter.unfinished = platter.unfinished.saturating_sub(1);
        }
    }
}

struct Kept {
    lane: Lane,
    bytes: Arc<Vec<u8>>,
}

impl KeptFile for Kept {
    fn bytes(&self) -> Result<u64, DiskError> {
        Ok(self.bytes.len() as u64)
    }

    fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>, DiskError> {
        drop(self.lane.readable()?);
        let rest = usize::try_from(offset).ok().and_then(|offset| self.bytes.get(offset..)).unwrap_or_default();
        Ok(rest[..rest.len().min(length)].to_vec())
    }
}
