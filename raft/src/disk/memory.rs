//! A disk in memory that remembers what happened to it: for tests and simulations.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Change, Disk, DiskError, Fault, KeyRange, OpenError, Operation, Record, Space};

type Contents = BTreeMap<(Space, Vec<u8>), Vec<u8>>;

/// What happened to a [`MemoryDisk`], in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiskEvent {
    /// A batch was written.
    Write(Vec<Change>),
    /// Everything so far became durable.
    Flush,
}

/// Keeps everything in memory, tells what was flushed from what was not, and fails on demand.
#[derive(Default)]
pub struct MemoryDisk {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    written: Contents,
    durable: Contents,
    events: Vec<DiskEvent>,
    failure: Option<(Fault, &'static str)>,
    closed: bool,
    flushing: Flushing,
    /// How many flushes the durable records have seen.
    flushes: u64,
    /// How many were noted beside them.
    fence: u64,
}

/// How a flush goes.
#[derive(Clone, Copy, Default)]
enum Flushing {
    #[default]
    AtOnce,
    Slowly(Duration),
    /// It says that it is done, and nothing is.
    Never,
}

impl MemoryDisk {
    /// What happened since the last call, in order.
    pub fn take_events(&self) -> Vec<DiskEvent> {
        std::mem::take(&mut self.lock().events)
    }

    /// From now on each flush takes so long, as on a disk. For a disk that has a thread of its own.
    pub fn flush_slowly(&self, each: Duration) {
        self.lock().flushing = Flushing::Slowly(each);
    }

    /// From now on a flush makes nothing durable, and says that it has.
    pub fn lie_about_flushes(&self) {
        self.lock().flushing = Flushing::Never;
    }

    /// From now on every write and flush fails for good, with this reason.
    pub fn fail(&self, reason: &'static str) {
        self.lock().failure = Some((Fault::Broken, reason));
    }

    /// From now on there is no room for any write, until [`make_room`](Self::make_room).
    pub fn fill(&self) {
        self.lock().failure = Some((Fault::Full, "no space left"));
    }

    /// There is room again. What was written and not flushed before it was full is lost, as far as `self` is concerned.
    pub fn make_room(&self) {
        self.lock().failure = None;
    }

    /// The disk as a loss of power would leave it: without what was not flushed, and open.
    #[must_use]
    pub fn after_crash(&self) -> Self {
        let before = self.lock();
        let (durable, flushes, fence) = (before.durable.clone(), before.flushes, before.fence);
        Self { state: Mutex::new(State { written: durable.clone(), durable, flushes, fence, ..State::default() }) }
    }

    /// The disk as damage would leave it that takes away all but the outcome of these events: what was noted beside the records stays.
    #[must_use]
    pub fn reverted_to(&self, events: &[DiskEvent]) -> Self {
        let disk = Self::replayed(events);
        disk.lock().fence = self.lock().fence;
        disk
    }

    /// Whether the records are as new as what was noted beside them.
    pub(super) fn check_fence(&self) -> Result<(), OpenError> {
        let state = self.lock();
        let (found, noted) = (state.flushes, state.fence);
        if found < noted { Err(OpenError::Behind { path: "memory".into(), found, noted }) } else { Ok(()) }
    }

    /// A disk that holds the outcome of these events: what was written before the last flush among them.
    #[must_use]
    pub fn replayed(events: &[DiskEvent]) -> Self {
        let disk = Self::default();
        for event in events {
            match event {
                DiskEvent::Write(batch) => disk.lock().change(batch),
                DiskEvent::Flush => disk.lock().settle(),
            }
        }
        disk.after_crash()
    }

    /// Makes a closed disk usable again.
    pub fn reopen(&self) {
        self.lock().closed = false;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn usable(&self, operation: Operation) -> Result<MutexGuard<'_, State>, DiskError> {
        let state = self.lock();
        let closed = (Fault::Broken, "the store is closed");
        let failure = if state.closed { Some(closed) } else { state.failure.filter(|_| operation != Operation::Read) };
        match failure {
            Some((fault, reason)) => Err(DiskError { location: Disk::location(self), operation, fault, reason: reason.to_owned() }),
            None => Ok(state),
        }
    }
}

impl State {
    fn change(&mut self, batch: &[Change]) {
        for change in batch {
            match change {
                Change::Put(space, key, value) => {
                    self.written.insert((*space, key.clone()), value.clone());
                }
                Change::Remove(space, range) => self.written.retain(|(other, key), _| other != space || !contains(range, key)),
            }
        }
        self.events.push(DiskEvent::Write(batch.to_vec()));
    }

    fn settle(&mut self) {
        self.durable = self.written.clone();
        self.flushes += 1;
        self.fence = self.flushes;
        self.events.push(DiskEvent::Flush);
    }
}

impl Disk for MemoryDisk {
    fn location(&self) -> String {
        "memory".to_owned()
    }

    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, DiskError> {
        Ok(self.usable(Operation::Read)?.written.get(&(space, key.to_vec())).cloned())
    }

    fn range(&self, space: Space, range: &KeyRange, limit: usize) -> Result<Vec<Record>, DiskError> {
        let state = self.usable(Operation::Read)?;
        let from = state.written.range((space, range.start.clone())..);
        let within = from.take_while(|((other, key), _)| *other == space && contains(range, key));
        Ok(within.take(limit).map(|((_, key), value)| (key.clone(), value.clone())).collect())
    }

    fn last(&self, space: Space) -> Result<Option<Record>, DiskError> {
        let state = self.usable(Operation::Read)?;
        Ok(state.written.iter().rev().find(|((other, _), _)| *other == space).map(|((_, key), value)| (key.clone(), value.clone())))
    }

    fn write(&self, batch: &[Change]) -> Result<(), DiskError> {
        self.usable(Operation::Write)?.change(batch);
        Ok(())
    }

    fn flush(&self) -> Result<(), DiskError> {
        let flushing = self.usable(Operation::Flush)?.flushing;
        match flushing {
            Flushing::AtOnce => {}
            Flushing::Slowly(each) => std::thread::sleep(each),
            Flushing::Never => return Ok(()),
        }
        self.usable(Operation::Flush)?.settle();
        Ok(())
    }

    fn close(&self) {
        self.lock().closed = true;
    }
}

fn contains(range: &KeyRange, key: &[u8]) -> bool {
    key >= range.start.as_slice() && range.end.as_ref().is_none_or(|end| key < end.as_slice())
}
