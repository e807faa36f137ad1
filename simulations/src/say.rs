//! What a person reads: the one place of this crate that writes to the terminal. Whoever reads may go away (`| head`), which is no error.

use std::fmt::Display;
use std::io::Write;

/// A line of the answer.
pub fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// A line beside it: progress, and what went wrong.
pub fn note(line: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
