//! How far something is, on one line of a terminal's standard error.

use std::io::{IsTerminal, Write};

/// The line. Nothing is shown where nobody looks.
#[derive(Debug)]
pub(super) struct ProgressLine {
    shown: Option<String>,
    is_terminal: bool,
}

impl Default for ProgressLine {
    fn default() -> Self {
        Self { shown: None, is_terminal: std::io::stderr().is_terminal() }
    }
}

impl ProgressLine {
    /// Shows `text` instead of what is there.
    pub(super) fn show(&mut self, text: &str) {
        if self.is_terminal && self.shown.as_deref() != Some(text) {
            self.shown = Some(text.to_owned());
            write(text);
        }
    }

    /// Takes the line away.
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
