//! The writer: one flush for all that wait, nothing reported before it, nothing at all after a failure.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::disk::writer::{Durability, Writer};
use crate::disk::{Change, Disk, DiskDrive, DiskError, DiskEvent, Files, KeyRange, MemoryDisk, Record, Space};

/// A disk whose flushes wait for a gate, and that tells when one is waiting.
struct Gated {
    memory: MemoryDisk,
    gate: Mutex<()>,
    flushing: watch::Sender<u64>,
}

impl Gated {
    fn new() -> Arc<Self> {
        Arc::new(Self { memory: MemoryDisk::default(), gate: Mutex::default(), flushing: watch::Sender::new(0) })
    }

    async fn flushes_begun(&self, count: u64) {
        self.flushing.subscribe().wait_for(|begun| *begun >= count).await.expect("the disk lives");
    }
}

impl Disk for Gated {
    fn location(&self) -> String {
        self.memory.location()
    }

    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, DiskError> {
        self.memory.get(space, key)
    }

    fn range(&self, space: Space, range: &KeyRange, limit: usize) -> Result<Vec<Record>, DiskError> {
        self.memory.range(space, range, limit)
    }

    fn last(&self, space: Space) -> Result<Option<Record>, DiskError> {
        self.memory.last(space)
    }

    fn write(&self, batch: &[Change]) -> Result<(), DiskError> {
        self.memory.write(batch)
    }

    fn flush(&self) -> Result<(), DiskError> {
        self.flushing.send_modify(|begun| *begun += 1);
        let _open = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        self.memory.flush()
    }

    fn files(&self) -> &dyn Files {
        self.memory.files()
    }

    fn bytes(&self) -> u64 {
        self.memory.bytes()
    }

    fn close(&self) {
        self.memory.close();
    }
}

fn put(n: u8) -> Vec<Change> {
    vec![Change::Put(Space::Log, vec![n], vec![n])]
}

fn start(disk: Arc<dyn Disk>) -> Writer {
    Writer::start(disk, DiskDrive::Thread, &TaskTracker::new()).expect("a thread")
}

/// Writes and counts how many of the writes were reported.
async fn submit(writer: &Writer, n: u8, reported: &watch::Sender<u64>) {
    let reported = reported.clone();
    let done = move |outcome: Result<(), DiskError>| {
        outcome.expect("written");
        reported.send_modify(|count| *count += 1);
    };
    writer.submit(put(n), Durability::Flushed, Box::new(done)).await.expect("taken");
}

#[tokio::test]
#[expect(clippy::await_holding_lock, reason = "the gate is what holds the disk's thread back")]
async fn all_that_wait_share_a_flush_and_none_is_reported_before_it() {
    let disk = Gated::new();
    let writer = start(disk.clone());
    let reported = watch::Sender::new(0);
    let gate = disk.gate.lock().expect("the gate");
    submit(&writer, 0, &reported).await;
    disk.flushes_begun(1).await;
    for n in 1..=50 {
        submit(&writer, n, &reported).await;
    }
    assert_eq!(*reported.borrow(), 0, "nothing is flushed yet");
    drop(gate);
    reported.subscribe().wait_for(|count| *count == 51).await.expect("all are reported");
    let flushes = disk.memory.take_events().into_iter().filter(|event| *event == DiskEvent::Flush).count();
    assert_eq!(flushes, 2);
}

#[tokio::test]
async fn after_a_failure_nothing_is_acknowledged() {
    let disk = Arc::new(MemoryDisk::default());
    let writer = start(disk.clone());
    writer.write(put(1), Durability::Flushed).await.expect("written");
    disk.fail("no space left");
    assert!(writer.write(put(2), Durability::Flushed).await.is_err());
    assert!(writer.write(put(3), Durability::Written).await.is_err());
    assert!(writer.read(|disk| disk.get(Space::Log, &[1])).await.is_ok(), "reads go on");
    writer.close().await;
    assert!(writer.write(put(4), Durability::Written).await.is_err());
}

#[tokio::test]
async fn reads_see_what_was_written_before() {
    let writer = start(Arc::new(MemoryDisk::default()));
    writer.write(put(7), Durability::Written).await.expect("written");
    assert_eq!(writer.read(|disk| disk.get(Space::Log, &[7])).await, Ok(Some(vec![7])));
}

/// Time stands still until all tasks wait, and then jumps to the next deadline.
#[tokio::test(start_paused = true)]
#[expect(clippy::await_holding_lock, reason = "the gate is what holds the disk's thread back")]
async fn a_flush_that_hangs_is_a_failed_disk() {
    let disk = Gated::new();
    let writer = start(disk.clone());
    let gate = disk.gate.lock().expect("the gate");
    submit(&writer, 0, &watch::Sender::new(0)).await;
    let reason = writer.hung().await;
    assert!(reason.contains("longer than"), "{reason}");
    drop(gate);
}
