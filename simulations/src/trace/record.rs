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
    /// Whether a line could not be written.
    is_cut: bool,
}

impl Trace {
    /// An empty record, which is written to `file` too.
    pub fn new(file: Option<File>) -> Self {
        let file = file.map(BufWriter::new);
        let record = Record { now_us: 0, lines: 0, hash: DefaultHasher::new(), last: VecDeque::new(), file, is_cut: false };
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

    /// Whether some of it could not be written to its file: told after [`digest`](Self::digest), which writes the rest.
    pub fn is_cut(&self) -> bool {
        self.with(|record| record.is_cut)
    }

    /// What all lines come to, and how many there are.
    pub fn digest(&self) -> (u64, u64) {
        self.with(|record| {
            if let Some(file) = &mut record.file {
                record.is_cut |= file.flush().is_err();
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
        struct Sink<'a>(&'a mut DefaultHasher);
        impl fmt::Write for Sink<'_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                self.0.write(text.as_bytes());
                Ok(())
            }
        }
        self.lines += 1;
        self.now_us.hash(&mut self.hash);
        let Self { hash, file, now_us, is_cut, .. } = self;
        // A hash takes everything.
        let _ = fmt::write(&mut Sink(hash), format_args!("{now_us} {line}\n"));
        if let Some(file) = file {
            *is_cut |= writeln!(file, "{now_us} {line}").is_err();
        }
    }
}
