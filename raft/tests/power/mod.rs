//! What a loss of power needs: images that are mounted, a process that is stopped, and notes outside of both.

mod image;
mod notes;
mod stopped;
mod writing;

pub(crate) use image::{Image, missing};
pub(crate) use notes::Notes;
pub(crate) use stopped::Stopped;
pub(crate) use writing::Writing;

use std::io::Write;

/// Says that a test did not run. The runner keeps what a passing test prints to itself, so this goes around it.
pub(crate) fn not_run(test: &str, why: &str) {
    // Nothing depends on whether anybody reads it.
    let _ = writeln!(std::io::stderr().lock(), "NOT RUN: {test}: {why}");
}
