//! `[telemetry]`: logs.

use std::fmt;

use tracing_subscriber::EnvFilter;

use super::reader::Reader;
use super::setting::{Setting, choice, one_of, quote};
use crate::failure::Printable;
use crate::traces::{Endpoint, Exporter};

/// `[telemetry]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelemetryTable {
    /// What is logged.
    pub log: LogFilter,
    /// In which form.
    pub format: LogFormat,
    /// Where spans go; `None` is nowhere.
    pub otlp: Option<Endpoint>,
}

/// A checked filter: a level, or directives such as `info,warren::proxy=debug`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(String);

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, else JSON lines.
    Auto,
    /// One readable line each.
    Text,
    /// One JSON object each.
    Json,
}

impl TelemetryTable {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let mut section = reader.section("telemetry");
        let table = Self {
            log: section.get("log", LogFilter("info".to_owned())),
            format: section.get("format", LogFormat::Auto),
            otlp: section.get("otlp", None),
        };
        if table.otlp.is_some() && !Exporter::IS_BUILT {
            section.refuse("otlp", "is set, and this program was built without it: `cargo build --release --features otlp`".to_owned());
        }
        table
    }
}

impl LogFormat {
    const ALL: [Self; 3] = [Self::Auto, Self::Text, Self::Json];
}

impl LogFilter {
    /// Warnings and errors.
    pub fn warnings() -> Self {
        Self("warn".to_owned())
    }

    /// The filter as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Setting for Endpoint {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error| format!("`{}` is no collector: {error}", Printable(text)))
    }

    fn show(&self) -> String {
        quote(&self.to_string())
    }
}

impl std::str::FromStr for LogFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |reason: String| format!("`{}` is no log filter: {reason}", Printable(text));
        if text.is_empty() {
            return Err(wrong("it is empty".to_owned()));
        }
        EnvFilter::try_new(text).map(|_| Self(text.to_owned())).map_err(|error| wrong(error.to_string()))
    }
}

impl Setting for LogFilter {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
    }

    fn show(&self) -> String {
        quote(&self.0)
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Auto => "auto",
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

impl Setting for LogFormat {
    fn parse(text: &str) -> Result<Self, String> {
        one_of(text, "format", Self::ALL)
    }

    fn show(&self) -> String {
        quote(&self.to_string())
    }

    fn schema() -> serde_json::Value {
        choice(Self::ALL)
    }
}
