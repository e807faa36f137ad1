//! A disk that a host can be opened on again and again.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use warren::net::SetAside;
use warren_raft::Volume;
use warren_raft::disk::{Disk, DiskError, OpenError, Operation};

use super::counters::DiskCounters;
use super::durable::Durable;
use super::faults::{Faults, Lasting, Lie};
use super::platter::Platter;
use super::sim_disk::{Lane, SimDisk};

/// A simulated disk. It belongs to the simulation and not to the host.
pub struct SimVolume {
    platter: Arc<Mutex<Platter>>,
}

impl SimVolume {
    /// An empty disk; `location` is what people are told, and every choice is drawn from `rng`.
    pub fn new(location: impl Into<String>, rng: StdRng) -> Self {
        Self { platter: Arc::new(Mutex::new(Platter::new(location.into(), rng))) }
    }

    /// Its host has lost power: of what was not flushed a beginning survives, and whoever has it open cannot use it any more.
    pub fn crash(&self) {
        let mut platter = self.lock();
        platter.counters.crashes += 1;
        platter.lose_power();
    }

    /// From now on reading, writing or flushing fails.
    pub fn fail(&self, operation: Operation, lasting: Lasting) {
        self.lock().faults.failing = Some((operation, lasting));
    }

    /// From now on there is no room for anything, nor for an opening.
    pub fn fill(&self) {
        self.lock().faults.full = true;
    }

    /// There is room again.
    pub fn make_room(&self) {
        self.lock().faults.full = false;
    }

    /// From now on each flush takes some of this time, for a store whose disk is driven by a task.
    pub fn flush_slowly(&self, each: Range<Duration>) {
        self.lock().faults.slow = Some(each);
    }

    /// From now on a flush makes nothing durable and says that it has.
    pub fn lie(&self, lie: Lie) {
        self.lock().faults.lie = Some(lie);
    }

    /// Nothing is wrong with it any more; what was done to it stays.
    pub fn heal(&self) {
        self.lock().faults = Faults::default();
    }

    /// Its host has lost power, and its records are what they were when it was opened last. What is noted beside them stays.
    pub fn revert(&self) {
        self.lock().revert();
    }

    /// Flips a bit in the first file whose name begins like this; `false` if there is none.
    pub fn rot_file(&self, prefix: &str) -> bool {
        self.lock().rot_file(prefix)
    }

    /// What is on it is put where no opening finds it. Nothing has it open.
    pub fn set_aside(&self) -> SetAside {
        if self.lock().set_aside() { SetAside::Moved } else { SetAside::Absent }
    }

    /// Another disk takes its place, with nothing on it and nothing wrong with it.
    pub fn wipe(&self) {
        self.lock().wipe();
    }

    /// What a loss of power would leave at this moment.
    pub fn durable(&self) -> Durable {
        Durable(Arc::clone(&self.platter))
    }

    /// What happened to it.
    pub fn counters(&self) -> DiskCounters {
        self.lock().counters
    }

    fn lock(&self) -> MutexGuard<'_, Platter> {
        self.platter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Volume for SimVolume {
    fn location(&self) -> String {
        self.lock().location.clone()
    }

    fn open(self: Arc<Self>) -> Result<Arc<dyn Disk>, OpenError> {
        let mut platter = self.lock();
        if platter.faults.full {
            platter.counters.refused += 1;
            return Err(DiskError::full(platter.location.clone(), Operation::Write, "no space left").into());
        }
        let generation = platter.open();
        if let Some((found, noted)) = platter.behind() {
            platter.counters.refused += 1;
            platter.closed = true;
            return Err(OpenError::Behind { path: PathBuf::from(&platter.location), found, noted });
        }
        Ok(Arc::new(SimDisk(Lane { platter: Arc::clone(&self.platter), generation })))
    }
}
