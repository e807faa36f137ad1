//! The one place from which the disk is driven: everything in order, and one flush for all that wait for one.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::TaskTracker;

use super::guard::sled_has_panicked;
use super::{Change, Disk, DiskError, Fault, NewFile, OpenError, Operation, Volume};

/// A turn that takes longer is a failed disk: one of sled's flushes was seen to hang for good.
pub(crate) const HANG: Duration = Duration::from_secs(30);
/// Most jobs that wait for the disk; who wants to add one more waits itself.
const QUEUE: usize = 1024;
/// Most jobs that share one flush.
const GROUP: usize = 256;

/// The name of the thread that drives the disk.
const THREAD: &str = "raft-disk";

/// What drives the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskDrive {
    /// A thread of its own: for disks that block.
    Thread,
    /// A task of the runtime, so that a simulation stays deterministic: for disks in memory.
    Task,
}

/// When a write is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Durability {
    /// Once reads see it; a crash may undo it.
    Written,
    /// Once it is on the platter.
    Flushed,
    /// Once it is, and the store's [fence](super::fence) too: for what must not be undone in silence, whatever happens to the files.
    Sealed,
}

/// What is called with the outcome of a write.
pub(crate) type Done = Box<dyn FnOnce(Result<(), DiskError>) + Send>;

/// What is called with the disk to read from it.
type Work = Box<dyn FnOnce(&dyn Disk) + Send>;

/// What is called with the disk, or with the error that it has had already, to write a file; with the error that ends the disk's work.
type FileWork = Box<dyn FnOnce(Result<&dyn Disk, DiskError>) -> Option<DiskError> + Send>;

/// Whether the store can go on without room for a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// It cannot.
    Essential,
    /// It can.
    Optional,
}

enum Job {
    Read(Work),
    File(FileWork),
    Write { batch: Vec<Change>, durability: Durability, done: Done },
    Close(oneshot::Sender<()>),
}

/// A handle to what drives the disk.
#[derive(Clone)]
pub(crate) struct Writer {
    jobs: mpsc::Sender<Job>,
    location: Arc<str>,
    pulse: watch::Receiver<Option<Instant>>,
    broken: watch::Receiver<Option<DiskError>>,
}

impl Writer {
    /// Opens the disk, where it is driven from, and starts to drive it.
    pub(crate) async fn open(volume: Arc<dyn Volume>, drive: DiskDrive, tasks: &TaskTracker) -> Result<Self, OpenError> {
        let location = volume.location();
        let (writer, strings) = Self::strings(&location);
        match drive {
            DiskDrive::Thread => {
                let (tell, opened) = oneshot::channel();
                let run = move || match volume.open() {
                    // Whoever asked may have stopped waiting: then the driver finds nobody, and closes the disk.
                    Ok(disk) => {
                        let _ = tell.send(Ok(()));
                        strings.drive(disk).run_thread();
                    }
                    Err(error) => drop(tell.send(Err(error))),
                };
                std::thread::Builder::new()
                    .name(THREAD.to_owned())
                    .spawn(run)
                    .map_err(|error| OpenError::Settings(format!("no thread for the store in `{location}`: {error}")))?;
                tokio::select! {
                    opened = opened => opened.unwrap_or_else(|_| Err(writer.gone(Operation::Read).into()))?,
                    () = sled_has_panicked() => {
                        return Err(OpenError::Damaged { location, reason: "a thread of sled has panicked".to_owned() });
                    }
                }
            }
            DiskDrive::Task => drop(tasks.spawn(strings.drive(volume.open()?).run_task())),
        }
        Ok(writer)
    }

    /// Starts to drive a disk that is open.
    #[cfg(test)]
    pub(crate) fn start(disk: Arc<dyn Disk>, drive: DiskDrive, tasks: &TaskTracker) -> std::io::Result<Self> {
        let (writer, strings) = Self::strings(&disk.location());
        let driver = strings.drive(disk);
        match drive {
            DiskDrive::Thread => {
                std::thread::Builder::new().name(THREAD.to_owned()).spawn(move || driver.run_thread())?;
            }
            DiskDrive::Task => drop(tasks.spawn(driver.run_task())),
        }
        Ok(writer)
    }

    /// A handle, and what moves at its other end.
    fn strings(location: &str) -> (Self, Strings) {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let (beat, pulse) = watch::channel(None);
        let (fail, broken) = watch::channel(None);
        (Self { jobs, location: location.into(), pulse, broken }, Strings { queue, beat, broken: fail })
    }

    /// Returns when a write or a flush has failed, with the first error.
    pub(crate) async fn broken(&self) -> DiskError {
        let mut broken = self.broken.clone();
        loop {
            if let Some(error) = broken.borrow_and_update().clone() {
                return error;
            }
            if broken.changed().await.is_err() {
                // The driver has ended without one: `hung` tells.
                return std::future::pending().await;
            }
        }
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

    /// Runs `work`, which writes a file, after everything that was asked for before. An error of it ends the work of the disk, but for a full
    /// one while `room` is not essential: the file is given up then, and that is all.
    pub(crate) async fn file<T: Send + 'static>(
        &self,
        room: Room,
        work: impl FnOnce(&dyn Disk) -> Result<T, DiskError> + Send + 'static,
    ) -> Result<T, DiskError> {
        let (done, outcome) = oneshot::channel();
        let job = Job::File(Box::new(move |disk| {
            let written = disk.and_then(work);
            let ends = written.as_ref().err().filter(|error| room == Room::Essential || error.fault == Fault::Broken).cloned();
            drop(done.send(written));
            ends
        }));
        self.jobs.send(job).await.map_err(|_| self.gone(Operation::Write))?;
        outcome.await.map_err(|_| self.gone(Operation::Write))?
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
        self.close_within(HANG).await;
    }

    /// The same, but waiting no longer than this.
    pub(crate) async fn close_within(&self, patience: Duration) {
        let (done, closed) = oneshot::channel();
        let closing = async {
            if self.jobs.send(Job::Close(done)).await.is_ok() {
                // An error says that the driver is gone, and the disk with it.
                let _ = closed.await;
            }
        };
        if timeout(patience, closing).await.is_err() {
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
        DiskError::broken(self.location.to_string(), operation, "the store is closed")
    }
}

/// What a handle moves.
struct Strings {
    queue: mpsc::Receiver<Job>,
    beat: watch::Sender<Option<Instant>>,
    /// After a failed write or flush nothing is known of what is durable, so nothing is acknowledged any more.
    broken: watch::Sender<Option<DiskError>>,
}

impl Strings {
    fn drive(self, disk: Arc<dyn Disk>) -> Driver {
        Driver { disk, strings: self }
    }
}

/// What was written and not flushed yet.
struct Turn {
    /// Who waits for the flush.
    waiting: Vec<Done>,
    /// How durable they want it.
    asked: Durability,
    /// Who waits for the disk to be closed, which ends it all.
    closing: Option<oneshot::Sender<()>>,
}

struct Driver {
    disk: Arc<dyn Disk>,
    strings: Strings,
}

impl Driver {
    fn run_thread(mut self) {
        while let Some(job) = self.strings.queue.blocking_recv() {
            let turn = self.turn(job);
            if self.settle(turn).is_break() {
                return;
            }
        }
        self.disk.close();
    }

    async fn run_task(mut self) {
        while let Some(job) = self.strings.queue.recv().await {
            let turn = self.turn(job);
            let takes = if turn.waiting.is_empty() { Duration::ZERO } else { self.disk.flush_takes() };
            if !takes.is_zero() {
                sleep(takes).await;
            }
            if self.settle(turn).is_break() {
                return;
            }
        }
        self.disk.close();
    }

    /// Does one job and those that wait behind it, up to the flush for all of them.
    fn turn(&mut self, first: Job) -> Turn {
        self.strings.beat.send_replace(Some(Instant::now()));
        let mut waiting = Vec::new();
        let mut closing = None;
        let mut asked = Durability::Written;
        let mut next = Some(first);
        for place in 1..=GROUP {
            match next.take() {
                Some(Job::Read(work)) => work(&*self.disk),
                Some(Job::File(work)) => self.file(work),
                Some(Job::Write { batch, durability, done }) => match (self.write(&batch), durability) {
                    (Ok(()), Durability::Flushed | Durability::Sealed) => {
                        asked = asked.max(durability);
                        waiting.push(done);
                    }
                    (outcome, _) => done(outcome),
                },
                Some(Job::Close(done)) => closing = Some(done),
                None => break,
            }
            if closing.is_some() || place == GROUP {
                break;
            }
            next = self.strings.queue.try_recv().ok();
        }
        Turn { waiting, asked, closing }
    }

    /// Flushes once and reports to all that waited for it.
    fn settle(&mut self, Turn { waiting, asked, closing }: Turn) -> ControlFlow<()> {
        if !waiting.is_empty() {
            crate::reached!("disk.written");
            let outcome = self.flush(asked);
            waiting.into_iter().for_each(|done| done(outcome.clone()));
        }
        let verdict = closing.map_or(ControlFlow::Continue(()), |done| self.close(done));
        self.strings.beat.send_replace(None);
        verdict
    }

    fn write(&mut self, batch: &[Change]) -> Result<(), DiskError> {
        self.strings.broken.borrow().clone().map_or(Ok(()), Err)?;
        self.disk.write(batch).inspect_err(|error| self.note(error))
    }

    fn flush(&mut self, asked: Durability) -> Result<(), DiskError> {
        self.strings.broken.borrow().clone().map_or(Ok(()), Err)?;
        let outcome = if asked == Durability::Sealed { self.disk.seal() } else { self.disk.flush() };
        outcome.inspect_err(|error| self.note(error))
    }

    fn file(&mut self, work: FileWork) {
        let broken = self.strings.broken.borrow().clone();
        if let Some(error) = work(broken.map_or(Ok(&*self.disk), Err)) {
            self.note(&error);
        }
    }

    fn note(&self, error: &DiskError) {
        self.strings.broken.send_replace(Some(error.clone()));
    }

    fn close(&mut self, done: oneshot::Sender<()>) -> ControlFlow<()> {
        // After an error nobody waits for a flush, and whoever was told of the error has said so.
        if self.strings.broken.borrow().is_none() && self.flush(Durability::Sealed).is_err() {
            tracing::error!(store = %self.disk.location(), "the last flush has failed");
        }
        self.disk.close();
        // Whoever asked may have stopped waiting.
        let _ = done.send(());
        ControlFlow::Break(())
    }
}
