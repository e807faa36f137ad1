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

/// How much of it all is done, as a bar with a number.
pub(super) fn bar(done: u64, total: u64) -> String {
    const WIDTH: u64 = 24;
    let (done, total) = (done.min(total), total.max(1));
    let part = |of: u64| usize::try_from(u128::from(done) * u128::from(of) / u128::from(total)).unwrap_or_default();
    let filled = "#".repeat(part(WIDTH));
    format!("[{filled:-<24}] {:>3} %", part(100))
}

fn write(text: &str) {
    let mut stderr = std::io::stderr().lock();
    // It is a remark, and not what the verb was asked for.
    let _ = write!(stderr, "\r\u{1b}[K{text}").and_then(|()| stderr.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_wide_whatever_is_done() {
        let table = [
            (0, 10, "[------------------------]   0 %"),
            (5, 10, "[############------------]  50 %"),
            (10, 10, "[########################] 100 %"),
            (99, 10, "[########################] 100 %"),
            (0, 0, "[------------------------]   0 %"),
            (u64::MAX, u64::MAX, "[########################] 100 %"),
        ];
        for (done, total, expected) in table {
            assert_eq!(bar(done, total), expected, "{done} of {total}");
        }
    }
}
