//! The one place from which the disk is driven: everything in order, and one flush for all that wait for one.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

use super::{Change, Disk, DiskError, NewFile, Operation};

/// A turn that takes longer is a failed disk: one of sled's flushes was seen to hang for good.
pub(crate) const HANG: Duration = Duration::from_secs(30);
/// Most jobs that wait for the disk; who wants to add one more waits itself.
const QUEUE: usize = 1024;
/// Most jobs that share one flush.
const GROUP: usize = 256;

/// What drives the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskDrive {
    /// A thread of its own: for disks that block.
    Thread,
    /// A task of the runtime, so that a simulation stays deterministic: for disks in memory.
    Task,
}

/// When a write is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Once reads see it; a crash may undo it.
    Written,
    /// Once it is on the platter.
    Flushed,
}

/// What is called with the outcome of a write.
pub(crate) type Done = Box<dyn FnOnce(Result<(), DiskError>) + Send>;

/// What is called with the disk to read from it.
type Work = Box<dyn FnOnce(&dyn Disk) + Send>;

enum Job {
    Read(Work),
    Write { batch: Vec<Change>, durability: Durability, done: Done },
    Close(oneshot::Sender<()>),
}

/// A handle to what drives the disk.
#[derive(Clone)]
pub(crate) struct Writer {
    jobs: mpsc::Sender<Job>,
    location: Arc<str>,
    pulse: watch::Receiver<Option<Instant>>,
}

impl Writer {
    /// Starts to drive `disk`.
    pub(crate) fn start(disk: Arc<dyn Disk>, drive: DiskDrive, tasks: &TaskTracker) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let (beat, pulse) = watch::channel(None);
        let location = disk.location().into();
        let driver = Driver { disk, queue, beat, broken: None };
        match drive {
            DiskDrive::Thread => {
                std::thread::Builder::new().name("raft-disk".to_owned()).spawn(move || driver.run_thread())?;
            }
            DiskDrive::Task => {
                tasks.spawn(driver.run_task());
            }
        }
        Ok(Self { jobs, location, pulse })
    }

    /// Runs `work` on the disk after everything that was asked for before.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Disk) -> Result<T, DiskError> + Send + 'static,
    ) -> Result<T, DiskError> {
        let (done, outcome) = oneshot::channel();
        // Nobody may be waiting any more; then the outcome is nobody's.
        let job = Job::Read(Box::new(move |disk| drop(done.send(work(disk)))));
        self.jobs.send(job).await.map_err(|_| self.gone(Operation::Read))?;
        outcome.await.map_err(|_| self.gone(Operation::Read))?
    }

    /// Gives up a file that is being written; it is removed on the disk's thread, or here when that is gone or busy.
    pub(crate) fn discard(&self, file: Box<dyn NewFile>) {
        // What cannot be sent comes back and is dropped.
        let _ = self.jobs.try_send(Job::Read(Box::new(move |_| drop(file))));
    }

    /// Writes a batch and waits until it is as durable as asked.
    pub(crate) async fn write(&self, batch: Vec<Change>, durability: Durability) -> Result<(), DiskError> {
        let (done, outcome) = oneshot::channel();
        self.submit(batch, durability, Box::new(move |result| drop(done.send(result)))).await?;
        outcome.await.map_err(|_| self.gone(Operation::Write))?
    }

    /// Hands over a batch; `done` is called with its outcome, on the disk's thread.
    pub(crate) async fn submit(&self, batch: Vec<Change>, durability: Durability, done: Done) -> Result<(), DiskError> {
        self.jobs.send(Job::Write { batch, durability, done }).await.map_err(|_| self.gone(Operation::Write))
    }

    /// Closes the disk after everything that was asked for before.
    pub(crate) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        let closing = async {
            if self.jobs.send(Job::Close(done)).await.is_ok() {
                // An error says that the driver is gone, and the disk with it.
                let _ = closed.await;
            }
        };
        if timeout(HANG, closing).await.is_err() {
            tracing::error!(store = %self.location, "the disk does not answer; it is left open");
        }
    }

    /// Returns when the disk hangs or its thread has ended, with the reason.
    pub(crate) async fn hung(&self) -> String {
        let mut pulse = self.pulse.clone();
        loop {
            let since = *pulse.borrow_and_update();
            let beat = match since {
                None => pulse.changed().await,
                Some(since) => match tokio::time::timeout_at(since + HANG, pulse.changed()).await {
                    Ok(beat) => beat,
                    Err(_) => return format!("{}: a flush has taken longer than {HANG:?}", self.location),
                },
            };
            if beat.is_err() {
                return format!("{}: the thread of the disk has ended", self.location);
            }
        }
    }

    /// Where the disk is, for messages to people.
    pub(crate) fn location(&self) -> String {
        self.location.to_string()
    }

    /// Where a file of the disk is, for messages to people.
    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.location)
    }

    fn gone(&self, operation: Operation) -> DiskError {
        DiskError { location: self.location.to_string(), operation, reason: "the store is closed".to_owned() }
    }
}

struct Driver {
    disk: Arc<dyn Disk>,
    queue: mpsc::Receiver<Job>,
    beat: watch::Sender<Option<Instant>>,
    /// After a failed write or flush nothing is known of what is durable, so nothing is acknowledged any more.
    broken: Option<DiskError>,
}

impl Driver {
    fn run_thread(mut self) {
        while let Some(job) = self.queue.blocking_recv() {
            if self.turn(job).is_break() {
                return;
            }
        }
        self.disk.close();
    }

    async fn run_task(mut self) {
        while let Some(job) = self.queue.recv().await {
            if self.turn(job).is_break() {
                return;
            }
        }
        self.disk.close();
    }

    /// Does one job and those that wait behind it, flushes once, and reports to all that waited for the flush.
    fn turn(&mut self, first: Job) -> ControlFlow<()> {
        self.beat.send_replace(Some(Instant::now()));
        let mut waiting = Vec::new();
        let mut closing = None;
        let mut next = Some(first);
        for place in 1..=GROUP {
            match next.take() {
                Some(Job::Read(work)) => work(&*self.disk),
                Some(Job::Write { batch, durability, done }) => match (self.write(&batch), durability) {
                    (Ok(()), Durability::Flushed) => waiting.push(done),
                    (outcome, _) => done(outcome),
                },
                Some(Job::Close(done)) => closing = Some(done),
                None => break,
            }
            if closing.is_some() || place == GROUP {
                break;
            }
            next = self.queue.try_recv().ok();
        }
        if !waiting.is_empty() {
            let outcome = self.flush();
            waiting.into_iter().for_each(|done| done(outcome.clone()));
        }
        let verdict = closing.map_or(ControlFlow::Continue(()), |done| self.close(done));
        self.beat.send_replace(None);
        verdict
    }

    fn write(&mut self, batch: &[Change]) -> Result<(), DiskError> {
        self.broken.clone().map_or(Ok(()), Err)?;
        self.disk.write(batch).inspect_err(|error| self.broken = Some(error.clone()))
    }

    fn flush(&mut self) -> Result<(), DiskError> {
        self.broken.clone().map_or(Ok(()), Err)?;
        self.disk.flush().inspect_err(|error| self.broken = Some(error.clone()))
    }

    fn close(&mut self, done: oneshot::Sender<()>) -> ControlFlow<()> {
        if self.flush().is_err() {
            tracing::error!(store = %self.disk.location(), "the last flush has failed");
        }
        self.disk.close();
        // Whoever asked may have stopped waiting.
        let _ = done.send(());
        ControlFlow::Break(())
    }
}
