//! Writes the lines, on a thread of its own: a disk may take as long as it likes.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::sleep;

use super::event::Event;
use super::file::{RotatingFile, Rotation};
use super::log::{Audit, Counts, Lost, Message};
use crate::net::{Budget, Wall};

/// Most lines that are written at once.
const BATCH: usize = 256;
/// How long an output that failed is left alone.
const PAUSE: Duration = Duration::from_millis(500);
/// How often it is tried to tell a writer to end whose queue is full.
const TELL: Duration = Duration::from_millis(10);

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Standard output.
    Stdout,
    /// A file and those that it was rotated to.
    File {
        /// The one that is written.
        path: PathBuf,
        /// When it is set aside.
        rotation: Rotation,
    },
}

/// Why there is no audit log; a proxy that is to have one does not run without.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file.
    #[error("cannot write the audit log `{}`: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The system gives no thread.
    #[error("there is no thread for the audit log: {0}")]
    Thread(io::Error),
}

/// The thread that writes. Its owner closes it when everything that may tell something has ended.
#[derive(Debug)]
pub struct AuditWriter {
    audit: Audit,
    /// Where lines are to go instead.
    next: NextSink,
    closing: Arc<AtomicBool>,
    ended: oneshot::Receiver<()>,
}

/// An output that waits to be taken over, also by a thread whose present one takes nothing.
type NextSink = Arc<Mutex<Option<Sink>>>;

impl AuditWriter {
    /// Opens the output of the proxy with this name and begins to write.
    ///
    /// # Errors
    /// [`AuditError`]
    pub fn start(output: Output, proxy: &str, wall: Arc<dyn Wall>) -> Result<(Audit, Self), AuditError> {
        let sink = Sink::open(output)?;
        Self::start_into(sink, proxy, wall)
    }

    pub(super) fn start_into(sink: Sink, proxy: &str, wall: Arc<dyn Wall>) -> Result<(Audit, Self), AuditError> {
        let (audit, counts, waiting) = Audit::open(wall);
        let (end, ended) = oneshot::channel();
        let (closing, next) = (Arc::new(AtomicBool::new(false)), NextSink::default());
        let writing = Writing { sink, next: next.clone(), proxy: proxy.to_owned(), counts, closing: closing.clone(), is_failing: false };
        let thread = std::thread::Builder::new().name("warren-audit".to_owned());
        thread
            .spawn(move || {
                writing.run(&waiting);
                // Nobody waits any more when it has taken too long.
                let _ = end.send(());
            })
            .map_err(AuditError::Thread)?;
        audit.record(Event::Audit { action: "started" });
        Ok((audit.clone(), Self { audit, next, closing, ended }))
    }

    /// Opens another output; what is not written yet goes there, as does everything from now on.
    ///
    /// # Errors
    /// [`AuditError`]: lines go where they went before.
    pub fn redirect(&self, output: Output) -> Result<(), AuditError> {
        let sink = Sink::open(output)?;
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(sink);
        self.audit.record(Event::Audit { action: "redirected" });
        Ok(())
    }

    /// Writes what was recorded, for so long at most; an output that takes nothing is left to itself.
    pub async fn close(self, budget: Budget) {
        self.audit.record(Event::Audit { action: "stopped" });
        let told = async {
            while !self.audit.close() {
                sleep(TELL).await;
            }
            self.ended.await
        };
        self.closing.store(true, Ordering::Relaxed);
        if budget.run(told).await.is_err() {
            tracing::warn!("the audit log's output takes nothing: its last lines are lost");
        }
    }
}

/// An output that is open.
#[derive(Debug)]
pub(super) enum Sink {
    Stdout,
    File(Box<RotatingFile>),
    #[cfg(test)]
    Test(Box<dyn TestSink>),
}

/// What a test puts in an output's place.
#[cfg(test)]
pub(super) trait TestSink: std::fmt::Debug + Send {
    fn append(&mut self, lines: &mut Vec<Vec<u8>>) -> io::Result<()>;
}

impl Sink {
    fn open(output: Output) -> Result<Self, AuditError> {
        match output {
            Output::Stdout => Ok(Self::Stdout),
            Output::File { path, rotation } => Self::file(&path, rotation),
        }
    }

    fn file(path: &Path, rotation: Rotation) -> Result<Self, AuditError> {
        let file = RotatingFile::open(path, rotation).map_err(|source| AuditError::File { path: path.to_owned(), source })?;
        Ok(Self::File(Box::new(file)))
    }

    /// Writes lines and takes them out of `lines`, all of them unless there is an error.
    fn append(&mut self, lines: &mut Vec<Vec<u8>>) -> io::Result<()> {
        match self {
            Self::Stdout => {
                let mut output = io::stdout().lock();
                output.write_all(&lines.concat()).and_then(|()| output.flush())?;
                lines.clear();
                Ok(())
            }
            Self::File(file) => file.append(lines),
            #[cfg(test)]
            Self::Test(sink) => sink.append(lines),
        }
    }
}

/// What the thread has.
struct Writing {
    sink: Sink,
    next: NextSink,
    proxy: String,
    counts: Counts,
    closing: Arc<AtomicBool>,
    is_failing: bool,
}

impl Writing {
    fn run(mut self, waiting: &Receiver<Message>) {
        while let Ok(first) = waiting.recv() {
            let batch = std::iter::once(first).chain(waiting.try_iter().take(BATCH - 1));
            let mut is_last = false;
            let lines = batch
                .filter_map(|message| match message {
                    Message::Line(line) => Some(line.written(&self.proxy, self.counts.take_missing())),
                    Message::Close => {
                        is_last = true;
                        None
                    }
                })
                .collect();
            self.write(lines);
            if is_last {
                return;
            }
        }
    }

    /// Writes until it is written: lines that come meanwhile wait, as far as there is room.
    fn write(&mut self, mut lines: Vec<Vec<u8>>) {
        let all = lines.len();
        loop {
            if let Some(next) = self.next.lock().unwrap_or_else(PoisonError::into_inner).take() {
                self.sink = next;
            }
            let appended = self.sink.append(&mut lines);
            match appended {
                Ok(()) => break,
                Err(error) if !std::mem::replace(&mut self.is_failing, true) => {
                    tracing::error!(%error, "the audit log cannot be written: its lines wait, and are lost when too many do");
                }
                Err(_) => {}
            }
            if self.closing.load(Ordering::Relaxed) {
                self.counts.written.inc_by((all - lines.len()) as u64);
                return self.counts.lost(Lost::Failed, lines.len() as u64);
            }
            std::thread::sleep(PAUSE);
        }
        if std::mem::replace(&mut self.is_failing, false) {
            tracing::warn!("the audit log is written again");
        }
        self.counts.written.inc_by(all as u64);
    }
}
