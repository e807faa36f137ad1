//! Aligned columns.

use crate::failure::Printable;
use crate::telemetry::Colour;

/// How a cell looks on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// As text.
    Plain,
    /// Green.
    Good,
    /// Yellow.
    Warning,
    /// Red.
    Bad,
}

/// One cell.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    text: String,
    tone: Tone,
}

/// Rows under a heading.
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<Vec<Cell>>,
}

impl Cell {
    /// A cell with a tone. Control characters are escaped, and nothing at all is shown as `-`.
    pub(super) fn new(value: &impl ToString, tone: Tone) -> Self {
        let text = Printable(&value.to_string()).to_string();
        Self { text: if text.is_empty() { "-".to_owned() } else { text }, tone }
    }

    /// A cell as text.
    pub(super) fn plain(value: &impl ToString) -> Self {
        Self::new(value, Tone::Plain)
    }

    /// A cell for what may be missing.
    pub(super) fn optional(value: Option<&impl ToString>) -> Self {
        Self::plain(&value.map(ToString::to_string).unwrap_or_default())
    }

    /// A cell for a list.
    pub(super) fn list(values: impl IntoIterator<Item = impl ToString>) -> Self {
        Self::plain(&values.into_iter().map(|value| value.to_string()).collect::<Vec<_>>().join(","))
    }
}

impl Table {
    /// A table with these headings.
    pub(super) fn new(headings: &[&str]) -> Self {
        Self { rows: vec![headings.iter().map(Cell::plain).collect()] }
    }

    /// Adds a row with a cell per heading.
    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.rows[0].len());
        self.rows.push(cells);
    }

    /// The table as text, two blanks between columns, no blanks at the ends of lines.
    pub(super) fn render(&self, colour: Colour) -> String {
        let mut widths = vec![0; self.rows[0].len()];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.text.chars().count().max(*width);
            }
        }
        self.rows.iter().map(|row| render_row(row, &widths, colour)).collect()
    }
}

fn render_row(row: &[Cell], widths: &[usize], colour: Colour) -> String {
    let mut line = String::new();
    for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
        let gap = if column + 1 == row.len() { 0 } else { width + 2 - cell.text.chars().count() };
        line.push_str(&paint(&cell.text, cell.tone, colour));
        line.push_str(&" ".repeat(gap));
    }
    line + "\n"
}

/// A text in its tone.
pub(super) fn paint(text: &str, tone: Tone, colour: Colour) -> String {
    let code = match (colour, tone) {
        (Colour::Off, _) | (Colour::On, Tone::Plain) => return text.to_owned(),
        (Colour::On, Tone::Good) => 32,
        (Colour::On, Tone::Warning) => 33,
        (Colour::On, Tone::Bad) => 31,
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// A number with its noun.
pub(super) fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
