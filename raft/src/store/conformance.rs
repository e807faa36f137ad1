//! openraft's own storage conformance suite, on both disks.

use std::path::Path;
use std::sync::Arc;

use openraft::testing::{StoreBuilder, Suite};
use tempfile::TempDir;
use tokio_util::task::TaskTracker;

use super::log::LogStore;
use super::state::{Published, Shelf, StateMachine};
use super::types::{StorageError, TypeConfig};
use crate::disk::writer::Writer;
use crate::disk::{Disk, DiskDrive, MemoryDisk, SledDisk};
use crate::ids::ProxyId;

/// The suite makes its own node ids.
impl From<u64> for ProxyId {
    fn from(id: u64) -> Self {
        Self(id)
    }
}

struct OnSled;
struct InMemory;

async fn build(disk: Arc<dyn Disk>, drive: DiskDrive) -> (LogStore, StateMachine) {
    let writer = Writer::start(disk, drive, &TaskTracker::new()).expect("a thread");
    let (shelf, image) = Shelf::open(writer.clone()).await.expect("an empty store");
    let machine = StateMachine::new(shelf.clone(), image, Arc::new(Published::default()));
    (LogStore::new(writer, shelf), machine)
}

impl StoreBuilder<TypeConfig, LogStore, StateMachine, TempDir> for OnSled {
    async fn build(&self) -> Result<(TempDir, LogStore, StateMachine), StorageError> {
        let directory = tempfile::tempdir().expect("a directory");
        let path: &Path = directory.path();
        let (log, machine) = build(Arc::new(SledDisk::open(path).expect("an empty store")), DiskDrive::Thread).await;
        Ok((directory, log, machine))
    }
}

impl StoreBuilder<TypeConfig, LogStore, StateMachine> for InMemory {
    async fn build(&self) -> Result<((), LogStore, StateMachine), StorageError> {
        let (log, machine) = build(Arc::new(MemoryDisk::default()), DiskDrive::Task).await;
        Ok(((), log, machine))
    }
}

#[test]
fn the_store_on_sled_conforms() {
    Suite::test_all(OnSled).expect("conforms");
}

#[test]
fn the_store_in_memory_conforms() {
    Suite::test_all(InMemory).expect("conforms");
}
