//! How far something is, on one line of a terminal's standard error.

use std::io::{IsTerminal, Write};

/// The line. It goes when this is dropped, and is never there where standard error is no terminal.
#[derive(Debug)]
pub(super) struct ProgressLine {
    shown: Option<String>,
    is_terminal: bool,
}

impl ProgressLine {
    /// An empty line.
    pub(super) fn new() -> Self {
        Self { shown: None, is_terminal: std::io::stderr().is_terminal() }
    }

    /// Shows this instead of what was shown before.
    pub(super) fn show(&mut self, text: String) {
        if self.is_terminal && self.shown.as_deref() != Some(&text) {
            write(&text);
            self.shown = Some(text);
        }
    }

    /// Removes what is shown.
    pub(super) fn clear(&mut self) {
        if self.shown.take().is_some() {
            write("");
        }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.clear();
    }
}

fn write(text: &str) {
    let mut stderr = std::io::stderr().lock();
    // It is a remark, and not what the verb was asked for.
    let _ = write!(stderr, "\r\u{1b}[K{text}").and_then(|()| stderr.flush());
}
