//! Logs: one subscriber for the process, to standard error, whose filter and form may change while it runs.
//!
//! It must *never* write to standard output, which belongs to a command's data, and *never* more than one line for an event: what a peer has sent must not
//! pass for another event.

mod forms;

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Registry, reload};

use self::forms::{Form, Forms};
use crate::config::{LogFormat, TelemetryTable};

/// How much more or less than the configuration says is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verbosity {
    /// `-q`: errors only.
    Quiet,
    /// As configured.
    #[default]
    Configured,
    /// `-v`: warren's own at debug.
    Debug,
    /// `-vv`: warren's own at trace.
    Trace,
}

/// Whether standard error takes colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Escape sequences are shown as colours.
    On,
    /// They are not.
    Off,
}

/// The logs of the process, as far as they may change. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Logs {
    filter: reload::Handle<EnvFilter, Registry>,
    form: Form,
    verbosity: Verbosity,
}

/// Sends the process's logs to standard error.
///
/// # Errors
/// [`TryInitError`] when a subscriber was set before.
pub fn init(settings: &TelemetryTable, verbosity: Verbosity, colour: Colour) -> Result<Logs, TryInitError> {
    let (filter, handle) = reload::Layer::new(filter(settings.log.as_str(), verbosity));
    let form = Form::default();
    let logs = Logs { filter: handle, form: form.clone(), verbosity };
    form.set_json(writes_json(settings.format));
    tracing_subscriber::registry().with(filter).with(Forms::new(form, colour)).try_init()?;
    Ok(logs)
}

impl Logs {
    /// Logs as configured from now on; what the command line has said of verbosity stays.
    pub fn change(&self, settings: &TelemetryTable) {
        self.form.set_json(writes_json(settings.format));
        // It fails only where the subscriber has gone, which is as long-lived as the process.
        let _ = self.filter.reload(filter(settings.log.as_str(), self.verbosity));
    }
}

fn writes_json(format: LogFormat) -> bool {
    match format {
        LogFormat::Auto => !io::stderr().is_terminal(),
        LogFormat::Text => false,
        LogFormat::Json => true,
    }
}

/// Where each event is one line, whatever is in its fields. The subscriber escapes what drives a terminal, but neither line breaks nor returns.
struct OneLine<W>(W);

impl<W: Write> Write for OneLine<W> {
    /// An event at a time, as the subscriber hands them over.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.0.write_all(&one_line(event)).map(|()| event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn one_line(event: &[u8]) -> Cow<'_, [u8]> {
    let is_break = |byte: &u8| matches!(*byte, b'\n' | b'\r' | 0x0b);
    let (text, end) = event.strip_suffix(b"\n").map_or((event, &b""[..]), |text| (text, b"\n"));
    if !text.iter().any(is_break) {
        return event.into();
    }
    let mut line = Vec::with_capacity(event.len() + 16);
    for byte in text {
        if is_break(byte) { line.extend(byte.escape_ascii()) } else { line.push(*byte) }
    }
    line.extend(end);
    line.into()
}

/// Whether everything is to be logged at trace, of whatever crate.
fn is_all_of_it(configured: &str) -> bool {
    configured.split(',').any(|directive| matches!(directive.trim().to_ascii_lowercase().as_str(), "trace" | "5"))
}

fn filter(configured: &str, verbosity: Verbosity) -> EnvFilter {
    // openraft warns of what is everyday life in a group: a peer that is not there, a vote that was overtaken. The store reports by
    // itself what matters, and whoever wants more names the target.
    let mut configured = if configured.contains("openraft") { configured.to_owned() } else { format!("{configured},openraft=off") };
    // At trace quinn writes down each frame, and with it the tokens by which a connection can be reset and an address be taken for proven.
    if is_all_of_it(&configured) && !configured.contains("quinn_proto") {
        configured += ",quinn_proto=debug";
    }
    let directives = match verbosity {
        Verbosity::Quiet => "error".to_owned(),
        Verbosity::Configured => configured,
        Verbosity::Debug => format!("{configured},warren=debug,warren_raft=debug"),
        Verbosity::Trace => format!("{configured},warren=trace,warren_raft=trace"),
    };
    // The configured part was checked as it was read; what is added here is checked by the test below.
    EnvFilter::builder().parse_lossy(directives)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let table = [
            ("INFO told reason=closed by peer\n", "INFO told reason=closed by peer\n"),
            ("INFO a\nINFO forged\n", "INFO a\\nINFO forged\n"),
            ("INFO a\r\n\n", "INFO a\\r\\n\n"),
            ("\u{1b}[32mINFO\u{1b}[0m \u{e4}\u{b}\n", "\u{1b}[32mINFO\u{1b}[0m \u{e4}\\x0b\n"),
            ("", ""),
        ];
        for (event, line) in table {
            let mut written = OneLine(Vec::new());
            written.write_all(event.as_bytes()).expect("written");
            assert_eq!(String::from_utf8(written.0).expect("text"), line);
        }
    }

    #[test]
    fn tokens_of_connections_are_logged_only_to_who_asks_for_them() {
        let table = [
            ("trace", "debug"),
            ("info,Trace", "debug"),
            ("5", "debug"),
            ("info", "none"),
            ("warren=trace", "none"),
            ("trace,quinn_proto=trace", "trace"),
        ];
        for (configured, expected) in table {
            let filter = filter(configured, Verbosity::Configured).to_string();
            let found = filter.split(',').find_map(|directive| directive.strip_prefix("quinn_proto=")).unwrap_or("none");
            assert_eq!(found, expected, "{configured} is {filter}");
        }
    }

    #[test]
    fn verbosity_changes_the_filter() {
        let table = [
            (Verbosity::Quiet, "error"),
            (Verbosity::Configured, "openraft=off,info"),
            (Verbosity::Debug, "warren_raft=debug,openraft=off,warren=debug,info"),
            (Verbosity::Trace, "warren_raft=trace,openraft=off,warren=trace,info"),
        ];
        for (verbosity, expected) in table {
            assert_eq!(filter("info", verbosity).to_string(), expected);
        }
    }
}
