//! The table that a run ends with.

use std::io::Write;

use anyhow::Context;

use super::statistics::Samples;

/// How thorough a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Proves that everything works.
    Quick,
    /// Measures.
    Full,
}

impl Effort {
    /// One of two values.
    pub(crate) fn pick<T>(self, quick: T, full: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Full => full,
        }
    }
}

/// One line of the table.
struct Row {
    what: String,
    value: String,
    spread: String,
    beside: String,
}

/// What was measured so far.
pub(crate) struct Report {
    rows: Vec<Row>,
    effort: Effort,
}

impl Report {
    /// Nothing yet.
    pub(crate) fn new(effort: Effort) -> Self {
        Self { rows: Vec::new(), effort }
    }

    /// Adds a line: the median of the samples with its unit, their range, and what it is to be compared with.
    pub(crate) fn add(&mut self, what: &str, samples: &Samples, unit: &str, beside: String) {
        let spread = if samples.len() > 1 {
            format!("{} .. {}", number(samples.quantile(0.0)), number(samples.quantile(1.0)))
        } else {
            String::new()
        };
        let value = format!("{} {unit}", number(samples.median()));
        complain(&format!("  {what}: {value}  {spread}  {beside}"));
        self.rows.push(Row { what: what.to_owned(), value, spread, beside });
    }

    /// Adds a line with one figure.
    pub(crate) fn figure(&mut self, what: &str, (value, unit): (f64, &str), beside: impl Into<String>) {
        self.add(what, &Samples::from_iter([value]), unit, beside.into());
    }

    /// Says what is being done: a full run takes minutes.
    pub(crate) fn begin(&self, what: &str) {
        complain(what);
    }

    /// Prints the table.
    pub(crate) fn print(&self) -> anyhow::Result<()> {
        let width = |of: fn(&Row) -> &str| self.rows.iter().map(|row| of(row).chars().count()).max().unwrap_or_default().max(8);
        let widths = [width(|row| &row.what), width(|row| &row.value), width(|row| &row.spread)];
        let mut text = String::new();
        if self.effort == Effort::Quick {
            text.push_str("quick: everything ran, the figures mean little\n");
        }
        let header = Row { what: "what".into(), value: "median".into(), spread: "range".into(), beside: "beside".into() };
        for Row { what, value, spread, beside } in std::iter::once(&header).chain(&self.rows) {
            let [first, second, third] = widths;
            text.push_str(format!("{what:<first$}  {value:>second$}  {spread:>third$}  {beside}").trim_end());
            text.push('\n');
        }
        std::io::stdout().write_all(text.as_bytes()).context("standard output")
    }
}

/// A number as a person reads it: three digits that count.
pub(crate) fn number(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude >= 1000.0 {
        let digits = format!("{magnitude:.0}");
        let grouped: Vec<&str> = (0..digits.len()).rev().step_by(3).map(|end| &digits[end.saturating_sub(2)..=end]).collect();
        let sign = if value < 0.0 { "-" } else { "" };
        format!("{sign}{}", grouped.into_iter().rev().collect::<Vec<_>>().join(","))
    } else if magnitude >= 100.0 {
        format!("{value:.0}")
    } else if magnitude >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

/// A line for whoever watches.
pub(crate) fn complain(line: &str) {
    // Nobody may be watching.
    let _ = writeln!(std::io::stderr(), "{line}");
}
