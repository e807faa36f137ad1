//! Shows an answer on standard output in the format that was asked for.

use std::io::{self, Write};

use serde::Serialize;

use super::CliError;
use super::global::Format;
use crate::telemetry::Colour;

/// How many columns a table has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// What fits a terminal.
    Narrow,
    /// All of it.
    Wide,
}

/// An answer that can be shown in every format.
pub(super) trait Show: Serialize {
    /// The answer for people, each line ending with a line break.
    fn to_text(&self, width: Width, colour: Colour) -> String;

    /// One JSON value per row of the answer.
    fn to_rows(&self) -> Vec<serde_json::Result<String>>;
}

/// A JSON line for each of `rows`.
pub(super) fn lines<'a, T: Serialize + 'a>(rows: impl IntoIterator<Item = &'a T>) -> Vec<serde_json::Result<String>> {
    rows.into_iter().map(serde_json::to_string).collect()
}

/// Standard output in a format.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    format: Format,
    colour: Colour,
}

impl Output {
    pub(super) fn new(format: Format, colour: Colour) -> Self {
        Self { format, colour }
    }

    /// How answers are shown.
    pub(super) fn format(self) -> Format {
        self.format
    }

    /// Whether a program reads the answer.
    pub(super) fn is_json(self) -> bool {
        matches!(self.format, Format::Json | Format::Jsonl)
    }

    /// Writes an answer.
    pub(super) fn show(self, answer: &impl Show) -> Result<(), CliError> {
        self.text(&self.render(answer).map_err(anyhow::Error::from)?)
    }

    /// Writes a part of an answer as soon as it is there, where the whole is not to be one value.
    pub(super) fn piece(self, piece: &impl Show) -> Result<(), CliError> {
        if self.format == Format::Json { Ok(()) } else { self.show(piece) }
    }

    /// Writes text as it is.
    pub(super) fn text(self, text: &str) -> Result<(), CliError> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(CliError::Output)
    }

    /// The answer as it is written.
    pub(super) fn render(self, answer: &impl Show) -> serde_json::Result<String> {
        match self.format {
            Format::Table => Ok(answer.to_text(Width::Narrow, self.colour)),
            Format::Wide => Ok(answer.to_text(Width::Wide, self.colour)),
            Format::Json => serde_json::to_string_pretty(answer).map(|json| json + "\n"),
            Format::Jsonl => answer.to_rows().into_iter().map(|line| line.map(|line| line + "\n")).collect(),
        }
    }
}
