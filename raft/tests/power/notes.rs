//! What was acknowledged, in a file that no image holds.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use warren_raft::AgentName;

/// The file of the notes.
#[derive(Clone)]
pub(crate) struct Notes {
    path: PathBuf,
}

/// What is noted.
#[derive(Default)]
pub(crate) struct Noted {
    /// Agents whose enrolment was acknowledged.
    pub(crate) acknowledged: Vec<AgentName>,
    /// Agents whose services' publication was.
    pub(crate) published: Vec<AgentName>,
    /// The last term in which a leader has acknowledged a write.
    pub(crate) term: u64,
}

impl Notes {
    /// The notes in a file.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where they are.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens them to add more.
    pub(crate) fn open(&self) -> File {
        OpenOptions::new().create(true).append(true).open(&self.path).expect("the notes")
    }

    /// Reads them. None are there before the first.
    pub(crate) fn read(&self) -> Noted {
        let mut noted = Noted::default();
        for line in fs::read_to_string(&self.path).unwrap_or_default().lines() {
            match line.split_once(' ') {
                Some(("agent", name)) => noted.acknowledged.push(name.parse().expect("a name")),
                Some(("services", name)) => noted.published.push(name.parse().expect("a name")),
                Some(("term", term)) => noted.term = noted.term.max(term.parse().expect("a term")),
                _ => panic!("a note that says `{line}`"),
            }
        }
        noted
    }
}

/// Adds a line in one piece, so that a process that is stopped leaves no half of one.
pub(crate) fn note(file: &mut File, what: &str, value: &str) {
    file.write_all(format!("{what} {value}\n").as_bytes()).expect("noted");
}
