//! Logs: one subscriber for the process, to standard error, whose filter and form may change while it runs.
//!
//! It must *never* write to standard output, which belongs to a command's data.

mod forms;

use std::io::{self, IsTerminal};

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

fn filter(configured: &str, verbosity: Verbosity) -> EnvFilter {
    // openraft warns of what is everyday life in a group: a peer that is not there, a vote that was overtaken. The store reports by
    // itself what matters, and whoever wants more names the target.
    let configured = if configured.contains("openraft") { configured.to_owned() } else { format!("{configured},openraft=off") };
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
