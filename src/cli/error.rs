//! How a verb ends: what is shown for it, and the exit status.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::config::ConfigErrors;
use crate::failure::{Failure, Printable};
use crate::http::{ClientError, StatusCode};
use crate::proxy::{RestoreError, StoppedError};
use crate::telemetry::Colour;

/// The end of a verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Success,
    /// 3: done, and what was looked at is degraded.
    Degraded,
    /// The status of an error that was shown.
    Failed(u8),
}

/// 2: the command line itself is wrong.
const USAGE: u8 = 2;
/// 78: the configuration is wrong (`EX_CONFIG` of sysexits.h).
const CONFIGURATION: u8 = 78;
/// 4: what was asked for does not exist.
const UNKNOWN: u8 = 4;
/// 5: not allowed.
const DENIED: u8 = 5;
/// 6: whoever was to answer cannot be reached.
const UNAVAILABLE: u8 = 6;
/// 1: anything else.
const OTHER: u8 = 1;

/// What to do about a store that has stopped by itself.
const STORE_FAILED: &str = "see to its disk (`dmesg`) and start the proxy again: it then checks that it has what it has acknowledged";

/// Why a verb did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// A dial or a write failed.
    #[error(transparent)]
    Failure(#[from] Failure),
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// The configuration is wrong, and a proxy was only to be asked something, which can be done without it.
    #[error("{errors}")]
    Unasked {
        /// What is wrong with it.
        errors: ConfigErrors,
        /// How the proxy is asked without it.
        hint: String,
    },
    /// The command line is wrong, in a way that its grammar does not show.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// The proxy gave no answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The answer cannot be written.
    #[error("cannot write the answer")]
    Output(#[source] io::Error),
    /// Something else, with what to do next.
    #[error(transparent)]
    Hinted(#[from] Hinted),
    /// The routing store of a proxy has stopped by itself.
    #[error("the routing store failed: {0}")]
    Store(String),
    /// Anything else, with its causes.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

/// What is wrong with a command line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct UsageError {
    /// What, as a fragment.
    pub message: String,
    /// What to write instead.
    pub hint: String,
}

/// An error with the next command.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Hinted {
    /// What went wrong, with its causes.
    pub error: anyhow::Error,
    /// What to do next.
    pub hint: Option<String>,
}

impl From<StoppedError> for CliError {
    fn from(error: StoppedError) -> Self {
        let hint = error.hint().map(str::to_owned);
        Hinted { error: error.into(), hint }.into()
    }
}

impl From<RestoreError> for CliError {
    fn from(error: RestoreError) -> Self {
        let hint = error.hint();
        Hinted { error: error.into(), hint }.into()
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Success => Self::SUCCESS,
            Exit::Degraded => Self::from(3),
            Exit::Failed(status) => Self::from(status),
        }
    }
}

impl CliError {
    /// The exit status.
    pub fn status(&self) -> u8 {
        match self {
            Self::Failure(failure) => failure.code().exit_status(),
            Self::Config(errors) if errors.is_of_flags() => USAGE,
            Self::Config(_) | Self::Unasked { .. } => CONFIGURATION,
            Self::Usage(_) => USAGE,
            Self::Client(error) => status_of(error),
            // Whoever read the answer has seen enough.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Output(_) | Self::Store(_) | Self::Hinted(_) | Self::Other(_) => OTHER,
        }
    }

    /// Writes the error to standard error, unless there is nothing to say, and gives the end it means.
    pub fn show(&self, colour: Colour) -> Exit {
        let status = self.status();
        if status != 0 {
            // Standard error is the last place to say anything: if it is closed, the status must do.
            let _ = writeln!(io::stderr().lock(), "{}", paint(&self.to_terminal(), colour));
        }
        Exit::Failed(status)
    }

    /// The `error:`, `caused by:` and `hint:` lines.
    pub(super) fn to_terminal(&self) -> String {
        match self {
            Self::Failure(failure) | Self::Client(ClientError::Failed(failure)) => failure.to_string(),
            Self::Config(errors) => errors.to_string(),
            // The last of them may have a hint of its own.
            Self::Unasked { errors, hint } => with_hint(format!("{errors}\n"), Some(hint)),
            Self::Usage(error) => format!("error: {}\nhint: {}", Printable(&error.message), error.hint),
            Self::Client(error) => with_hint(chain(error), hint_for(error)),
            Self::Hinted(error) => with_hint(chain(error.error.as_ref()), error.hint.as_deref()),
            Self::Output(_) => chain(self),
            Self::Store(_) => with_hint(chain(self), Some(STORE_FAILED)),
            Self::Other(error) => chain(error.as_ref()),
        }
    }
}

fn status_of(error: &ClientError) -> u8 {
    match error {
        ClientError::Failed(failure) => failure.code().exit_status(),
        ClientError::NotRunning(_) | ClientError::Late { .. } => UNAVAILABLE,
        ClientError::NotAllowed(_) => DENIED,
        ClientError::Refused { status, .. } | ClientError::Declined { status, .. } if *status == StatusCode::NOT_FOUND => UNKNOWN,
        ClientError::Declined { status, .. } if *status == StatusCode::SERVICE_UNAVAILABLE => UNAVAILABLE,
        ClientError::Refused { .. } | ClientError::Declined { .. } | ClientError::Garbled { .. } => OTHER,
    }
}

fn hint_for(error: &ClientError) -> Option<&str> {
    match error {
        ClientError::NotRunning(_) => {
            Some("`warren proxy --config FILE` runs one; `--addr SOCKET` or `--config FILE` say where it listens")
        }
        ClientError::NotAllowed(_) => Some("run this as the user that runs the proxy"),
        ClientError::Declined { hint, .. } => hint.as_deref(),
        ClientError::Late { .. } => Some(
            "it may be done all the same, or later; `ps -o pid,stat,wchan:20,args -C warren` shows whether the process is stopped (`T`) or waits for a disk (`D`)",
        ),
        ClientError::Failed(_) | ClientError::Refused { .. } | ClientError::Garbled { .. } => None,
    }
}

fn with_hint(text: String, hint: Option<&str>) -> String {
    hint.map_or_else(|| text.clone(), |hint| format!("{text}\nhint: {}", Printable(hint)))
}

/// An error and what caused it, one line each.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = format!("error: {}", Printable(&error.to_string()));
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    for cause in causes.take(crate::failure::MAX_CAUSES) {
        let cause = Printable(&cause.to_string()).to_string();
        // Many an error ends with its cause, since it may also stand alone.
        if !text.ends_with(&cause) {
            text.push_str(&format!("\n  caused by: {cause}"));
        }
    }
    text
}

fn paint(text: &str, colour: Colour) -> String {
    if colour == Colour::Off {
        return text.to_owned();
    }
    let paint_line = |line: &str| match line.split_once(": ") {
        Some(("error", rest)) => format!("\u{1b}[1;31merror\u{1b}[0m: {rest}"),
        Some(("hint", rest)) => format!("\u{1b}[1;36mhint\u{1b}[0m: {rest}"),
        _ => line.to_owned(),
    };
    text.lines().map(paint_line).collect::<Vec<_>>().join("\n")
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Success => f.pad("success"),
            Self::Degraded => f.pad("degraded"),
            Self::Failed(status) => write!(f, "failed with {status}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Code, Stage};

    #[test]
    fn each_error_has_its_status_and_text() {
        let path = || std::path::PathBuf::from("/run/x.sock");
        let refused = |status| ClientError::Refused { status, message: "no such token".to_owned() };
        let other = anyhow::Error::from(io::Error::other("disk on fire")).context("cannot open the store");
        let told = anyhow::Error::from(io::Error::other("disk on fire")).context("cannot open the store: disk on fire");
        let table: [(CliError, u8, &str); 9] = [
            (Failure::new(Code::Denied, Stage::Ingress, "not allowed").into(), 5, "error: not allowed"),
            (
                ClientError::NotRunning(path()).into(),
                6,
                "error: no proxy is running at `/run/x.sock`\nhint: `warren proxy --config FILE` runs one; `--addr SOCKET` or `--config FILE` say \
                 where it listens",
            ),
            (
                ClientError::NotAllowed(path()).into(),
                5,
                "error: `/run/x.sock` may be opened by its owner only\nhint: run this as the user that runs the proxy",
            ),
            (refused(StatusCode::NOT_FOUND).into(), 4, "error: the proxy refused: no such token"),
            (refused(StatusCode::BAD_REQUEST).into(), 1, "error: the proxy refused: no such token"),
            (UsageError { message: "`x` is odd".to_owned(), hint: "`y`".to_owned() }.into(), 2, "error: `x` is odd\nhint: `y`"),
            (CliError::Output(io::ErrorKind::BrokenPipe.into()), 0, "error: cannot write the answer\n  caused by: broken pipe"),
            (other.into(), 1, "error: cannot open the store\n  caused by: disk on fire"),
            (told.into(), 1, "error: cannot open the store: disk on fire"),
        ];
        for (error, status, text) in table {
            assert_eq!(error.to_terminal(), text);
            assert_eq!(error.status(), status, "{text}");
        }
    }
}
