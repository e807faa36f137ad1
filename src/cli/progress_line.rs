//! How far something is, on one line of a terminal's standard error; elsewhere a line for each change that is worth one.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use tokio::time::Instant;

/// How often at most something is told where standard error is no terminal, unless a new part of it begins.
const PACE: Duration = Duration::from_secs(10);

/// The line. It goes when this is dropped, and is never there where standard error is no terminal: [`tell`](Self::tell) is for that.
#[derive(Debug)]
pub(super) struct ProgressLine {
    shown: Option<String>,
    is_terminal: bool,
    told: Told,
}

/// The line before, of which part it was, and when.
#[derive(Debug, Default)]
struct Told(Option<(String, String, Instant)>);

impl Told {
    /// What is to be told now, if anything.
    fn next(&mut self, part: &str, text: impl FnOnce() -> String, now: Instant) -> Option<String> {
        let same = self.0.as_ref().filter(|(before, ..)| before == part);
        if same.is_some_and(|(.., at)| now.saturating_duration_since(*at) < PACE) {
            return None;
        }
        let text = text();
        if same.is_some_and(|(_, before, _)| *before == text) {
            return None;
        }
        self.0 = Some((part.to_owned(), text.clone(), now));
        Some(text)
    }
}

impl ProgressLine {
    /// An empty line.
    pub(super) fn new() -> Self {
        Self { shown: None, is_terminal: std::io::stderr().is_terminal(), told: Told::default() }
    }

    /// Shows this instead of what was shown before.
    pub(super) fn show(&mut self, text: String) {
        if self.is_terminal && self.shown.as_deref() != Some(&text) {
            write(&text);
            self.shown = Some(text);
        }
    }

    /// Where standard error is no terminal, writes a line if `part`, such as the name of a phase, is another than before, and otherwise if the text is and the last
    /// line is a while ago.
    pub(super) fn tell(&mut self, part: &str, text: impl FnOnce() -> String) {
        if !self.is_terminal
            && let Some(line) = self.told.next(part, text, Instant::now())
        {
            // It is a remark, too.
            let _ = writeln!(std::io::stderr().lock(), "{line}");
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
    fn a_new_part_is_told_at_once_and_other_changes_now_and_then() {
        let (begun, mut told) = (Instant::now(), Told::default());
        let mut at = |seconds, part, text: &str| told.next(part, || text.to_owned(), begun + Duration::from_secs(seconds));
        let table = [
            (0, "trusting", "1 lags", true),
            (1, "trusting", "2 lag", false),
            (2, "issuing", "2 lag", true),
            (12, "issuing", "2 lag", false),
            (13, "issuing", "1 lags", true),
            (22, "issuing", "2 lag", false),
        ];
        for (seconds, part, text, is_told) in table {
            assert_eq!(at(seconds, part, text), is_told.then(|| text.to_owned()), "{seconds}");
        }
    }

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
