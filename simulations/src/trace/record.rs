//! The record of one run.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufWriter, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// How many of the last events are kept to be shown.
const KEPT: usize = 60;

/// The record of a run. Clones are the same record.
#[derive(Clone, Debug)]
pub struct Trace(Arc<Mutex<Record>>);

#[derive(Debug)]
struct Record {
    now_us: u64,
    lines: u64,
    hash: DefaultHasher,
    last: VecDeque<String>,
    file: Option<BufWriter<File>>,
}

impl Trace {
    /// An empty record, which is written to `file` too.
    pub fn new(file: Option<File>) -> Self {
        let record = Record { now_us: 0, lines: 0, hash: DefaultHasher::new(), last: VecDeque::new(), file: file.map(BufWriter::new) };
        Self(Arc::new(Mutex::new(record)))
    }

    /// What follows happens at this time, in microseconds.
    pub fn at(&self, now_us: u64) {
        self.with(|record| record.now_us = now_us);
    }

    /// What time it is, in microseconds.
    pub fn now_us(&self) -> u64 {
        self.with(|record| record.now_us)
    }

    /// A datagram: it counts, and is not shown.
    pub fn packet(&self, line: fmt::Arguments<'_>) {
        self.with(|record| record.note(line));
    }

    /// Something that a person wants to know.
    pub fn event(&self, line: fmt::Arguments<'_>) {
        self.with(|record| {
            record.note(line);
            if record.last.len() == KEPT {
                record.last.pop_front();
            }
            let seconds = record.now_us as f64 / 1e6;
            record.last.push_back(format!("{seconds:>10.3} s  {line}"));
        });
    }

    /// The last events, the oldest first.
    pub fn last(&self) -> Vec<String> {
        self.with(|record| record.last.iter().cloned().collect())
    }

    /// What all lines come to, and how many there are.
    pub fn digest(&self) -> (u64, u64) {
        self.with(|record| {
            if let Some(file) = &mut record.file {
                // A trace that cannot be written is shorter than the other one, and that is seen.
                let _ = file.flush();
            }
            (record.hash.finish(), record.lines)
        })
    }

    fn with<T>(&self, change: impl FnOnce(&mut Record) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Record {
    fn note(&mut self, line: fmt::Arguments<'_>) {
        struct Sink<'a>(&'a mut DefaultHasher, Option<&'a mut BufWriter<File>>);
        impl fmt::Write for Sink<'_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                self.0.write(text.as_bytes());
                self.1.as_mut().map_or(Ok(()), |file| file.write_all(text.as_bytes()).map_err(|_| fmt::Error))
            }
        }
        self.lines += 1;
        self.now_us.hash(&mut self.hash);
        let Self { hash, file, now_us, .. } = self;
        let written = fmt::write(&mut Sink(hash, file.as_mut()), format_args!("{now_us} {line}\n"));
        if written.is_err() {
            self.file = None;
        }
    }
}
