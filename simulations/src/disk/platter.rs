//! What a disk holds, and what of it survives.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use warren_raft::disk::{Change, DiskError, Fault, KeyRange, Operation, Record, Space};

use super::counters::DiskCounters;
use super::faults::{Faults, Lie};

/// Records by space and key.
#[derive(Clone, Default)]
pub(super) struct Contents(BTreeMap<(Space, Vec<u8>), Vec<u8>>);

impl Contents {
    fn change(&mut self, batch: &[Change]) {
        for change in batch {
            match change {
                Change::Put(space, key, value) => drop(self.0.insert((*space, key.clone()), value.clone())),
                Change::Remove(space, range) => self.0.retain(|(other, key), _| other != space || !contains(range, key)),
            }
        }
    }

    pub(super) fn get(&self, space: Space, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(&(space, key.to_vec())).cloned()
    }

    pub(super) fn range(&self, space: Space, range: &KeyRange, limit: usize) -> Vec<Record> {
        let from = self.0.range((space, range.start.clone())..);
        let within = from.take_while(|((other, key), _)| *other == space && contains(range, key));
        within.take(limit).map(|((_, key), value)| (key.clone(), value.clone())).collect()
    }

    pub(super) fn last(&self, space: Space) -> Option<Record> {
        self.0.iter().rev().find(|((other, _), _)| *other == space).map(|((_, key), value)| (key.clone(), value.clone()))
    }

    fn bytes(&self) -> usize {
        self.0.iter().map(|((_, key), value)| key.len() + value.len()).sum()
    }
}

/// What is on a disk, on its way there, and wrong with it.
pub(super) struct Platter {
    pub(super) location: String,
    /// Which opening of it may use it.
    pub(super) generation: u64,
    /// Whether that one has closed it.
    pub(super) closed: bool,
    pub(super) faults: Faults,
    pub(super) counters: DiskCounters,
    /// How many files are being written.
    pub(super) unfinished: u64,
    /// What reads see.
    pub(super) written: Contents,
    /// What a loss of power leaves.
    pub(super) durable: Contents,
    pub(super) files: BTreeMap<String, Arc<Vec<u8>>>,
    /// What was written since the last flush, in order.
    pending: Vec<Vec<Change>>,
    /// Files that were removed since then.
    removed: BTreeMap<String, Arc<Vec<u8>>>,
    /// How many flushes were done, how many the durable records know of, and how many are noted beside them.
    flushes: u64,
    durable_flushes: u64,
    fence: u64,
    /// The database as the opening before found it.
    earlier: (Contents, u64),
    /// Whether anything has failed since the opening: then nobody knows what was done.
    pub(super) failed: bool,
    rng: StdRng,
}

impl Platter {
    pub(super) fn new(location: String, rng: StdRng) -> Self {
        Self {
            location,
            generation: 0,
            closed: true,
            faults: Faults::default(),
            counters: DiskCounters::default(),
            unfinished: 0,
            written: Contents::default(),
            durable: Contents::default(),
            files: BTreeMap::new(),
            pending: Vec::new(),
            removed: BTreeMap::new(),
            flushes: 0,
            durable_flushes: 0,
            fence: 0,
            earlier: (Contents::default(), 0),
            failed: false,
            rng,
        }
    }

    pub(super) fn write(&mut self, batch: &[Change]) -> Result<(), DiskError> {
        if let Err(error) = self.may_write() {
            // Nobody knows whether it was done.
            if error.fault == Fault::Broken && self.rng.random() {
                self.take(batch);
            }
            return Err(error);
        }
        self.take(batch);
        self.counters.writes += 1;
        Ok(())
    }

    fn take(&mut self, batch: &[Change]) {
        self.written.change(batch);
        self.pending.push(batch.to_vec());
    }

    /// Whether bytes can be written, of a batch or of a file.
    pub(super) fn may_write(&mut self) -> Result<(), DiskError> {
        if self.faults.strike(Operation::Write) {
            self.counters.writes_failed += 1;
            return Err(self.broken(Operation::Write, "input/output error"));
        }
        if self.faults.full {
            self.counters.writes_without_room += 1;
            self.failed = true;
            return Err(DiskError::full(self.location.clone(), Operation::Write, "no space left"));
        }
        Ok(())
    }

    pub(super) fn flush(&mut self) -> Result<(), DiskError> {
        self.may_flush()?;
        self.flushes += 1;
        match self.faults.lie {
            Some(Lie::Database) => self.fence = self.flushes,
            Some(Lie::Everything) => {}
            None => {
                self.settle(self.pending.len());
                self.removed.clear();
                (self.durable_flushes, self.fence) = (self.flushes, self.flushes);
            }
        }
        *(if self.faults.lie.is_some() { &mut self.counters.lies } else { &mut self.counters.flushes }) += 1;
        Ok(())
    }

    /// Whether something can be made durable: the records or a file.
    fn may_flush(&mut self) -> Result<(), DiskError> {
        if self.faults.strike(Operation::Flush) {
            self.counters.flushes_failed += 1;
            let survives = self.rng.random_range(0..=self.pending.len());
            self.settle(survives);
            return Err(self.broken(Operation::Flush, "input/output error"));
        }
        Ok(())
    }

    /// How long the flush takes that is about to be done.
    pub(super) fn flush_takes(&mut self) -> Duration {
        let Some(slow) = self.faults.slow.clone().filter(|slow| !slow.is_empty()) else { return Duration::ZERO };
        self.counters.slow_flushes += 1;
        self.rng.random_range(slow)
    }

    /// Makes the first batches durable.
    fn settle(&mut self, batches: usize) {
        for batch in self.pending.drain(..batches) {
            self.durable.change(&batch);
        }
    }

    pub(super) fn keep(&mut self, name: &str, bytes: &Arc<Vec<u8>>) -> Result<(), DiskError> {
        self.may_flush()?;
        self.files.insert(name.to_owned(), Arc::clone(bytes));
        self.removed.remove(name);
        self.counters.files_kept += 1;
        Ok(())
    }

    pub(super) fn remove_others(&mut self, prefix: &str, name: Option<&str>) {
        let removed = self.files.extract_if(.., |found, _| found.starts_with(prefix) && Some(found.as_str()) != name);
        self.removed.extend(removed);
    }

    /// Power is lost: a beginning of what was not flushed survives, and a file that was removed may be there again.
    pub(super) fn lose_power(&mut self) {
        let survives = if self.faults.lie.is_some() { 0 } else { self.rng.random_range(0..=self.pending.len()) };
        self.settle(survives);
        self.counters.batches_spared += survives as u64;
        self.counters.batches_lost += std::mem::take(&mut self.pending).len() as u64;
        self.written = self.durable.clone();
        self.flushes = self.durable_flushes;
        self.counters.files_torn += std::mem::take(&mut self.unfinished);
        for (name, bytes) in std::mem::take(&mut self.removed) {
            if self.rng.random() && !self.files.contains_key(&name) {
                self.files.insert(name, bytes);
                self.counters.files_returned += 1;
            }
        }
        self.failed = false;
        self.generation += 1;
        self.closed = true;
    }

    /// Whoever opens it next is its only user. The number of this opening.
    pub(super) fn open(&mut self) -> u64 {
        if !self.closed || self.failed {
            self.lose_power();
        }
        self.earlier = (self.durable.clone(), self.durable_flushes);
        self.counters.openings += 1;
        self.generation += 1;
        self.closed = false;
        self.generation
    }

    /// How many flushes the records know of, and how many are noted beside them, when those are more.
    pub(super) fn behind(&self) -> Option<(u64, u64)> {
        (self.durable_flushes < self.fence).then_some((self.durable_flushes, self.fence))
    }

    /// The records become what the last opening found.
    pub(super) fn revert(&mut self) {
        self.lose_power();
        (self.durable, self.durable_flushes) = self.earlier.clone();
        (self.written, self.flushes) = (self.durable.clone(), self.durable_flushes);
        self.counters.reverted += 1;
    }

    /// Flips a bit in a file whose name begins like this.
    pub(super) fn rot_file(&mut self, prefix: &str) -> bool {
        let rng = &mut self.rng;
        let found = self.files.iter_mut().find(|(name, bytes)| name.starts_with(prefix) && !bytes.is_empty());
        let Some((_, bytes)) = found else { return false };
        let (place, bit) = (rng.random_range(0..bytes.len()), rng.random_range(0..8_u32));
        Arc::make_mut(bytes)[place] ^= 1 << bit;
        self.counters.rotted += 1;
        true
    }

    /// Another disk in its place, with nothing on it.
    pub(super) fn wipe(&mut self) {
        self.lose_power();
        let fresh = Self::new(std::mem::take(&mut self.location), self.rng.clone());
        let (generation, mut counters) = (self.generation, self.counters);
        counters.wiped += 1;
        *self = Self { generation, counters, ..fresh };
    }

    /// What is on it is put where no opening finds it; what is wrong with the disk stays. Whether there was anything.
    pub(super) fn set_aside(&mut self) -> bool {
        let (is_used, faults, wiped) = (self.bytes() > 0, std::mem::take(&mut self.faults), self.counters.wiped);
        self.wipe();
        (self.faults, self.counters.wiped) = (faults, wiped);
        is_used
    }

    pub(super) fn bytes(&self) -> u64 {
        (self.written.bytes() + self.files.values().map(|bytes| bytes.len()).sum::<usize>()) as u64
    }

    pub(super) fn broken(&mut self, operation: Operation, reason: &str) -> DiskError {
        self.failed = true;
        DiskError::broken(self.location.clone(), operation, reason)
    }
}

fn contains(range: &KeyRange, key: &[u8]) -> bool {
    key >= range.start.as_slice() && range.end.as_ref().is_none_or(|end| key < end.as_slice())
}
