//! An answer that is shown again and again, on a terminal in place of the one before.

use std::io::IsTerminal;
use std::time::Duration;

use tokio::time::sleep;

use super::CliError;
use super::global::Format;
use super::output::{Output, Show};
use super::signals::Signals;
use crate::api::{ErrorView, Time};
use crate::failure::{Code, Failure, Stage};
use crate::http::ClientError;

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(1);
/// To the upper left corner.
const HOME: &str = "\u{1b}[H";
/// Removes the rest of the line.
const END_LINE: &str = "\u{1b}[K";
/// Removes all that is below.
const END_SCREEN: &str = "\u{1b}[J";

/// Where answers follow each other.
#[derive(Debug)]
pub(super) struct Watching {
    output: Output,
    place: Place,
    signals: Signals,
}

/// How an answer is told from the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// It takes its place.
    Screen,
    /// It follows it.
    Stream,
}

impl Watching {
    /// Begins to.
    pub(super) fn new(output: Output) -> Result<Self, CliError> {
        let on_screen = std::io::stdout().is_terminal() && !output.is_json();
        Ok(Self { output, place: if on_screen { Place::Screen } else { Place::Stream }, signals: Signals::new()? })
    }

    /// Shows an answer.
    pub(super) fn show(&self, answer: &impl Show, at: Time) -> Result<(), CliError> {
        let text = self.output.render(answer).map_err(anyhow::Error::from)?;
        self.output.text(&placed(&text, at, (self.place, self.output.format())))
    }

    /// Shows why there is none.
    pub(super) fn fail(&self, error: ClientError, at: Time) -> Result<(), CliError> {
        if self.output.is_json() {
            let view = ErrorView::from(failure(&error));
            let text =
                if self.output.format() == Format::Jsonl { serde_json::to_string(&view) } else { serde_json::to_string_pretty(&view) };
            return self.output.text(&(text.map_err(anyhow::Error::from)? + "\n"));
        }
        let text = CliError::from(error).to_terminal() + "\n";
        self.output.text(&placed(&text, at, (self.place, self.output.format())))
    }

    /// Waits for the next look; says whether there is to be one.
    pub(super) async fn again(&mut self) -> bool {
        tokio::select! {
            () = sleep(EVERY) => true,
            () = self.signals.any() => false,
        }
    }
}

/// The text where it belongs.
fn placed(text: &str, at: Time, (place, format): (Place, Format)) -> String {
    match (place, format) {
        (Place::Screen, _) => {
            let lines: String = text.lines().map(|line| format!("{line}{END_LINE}\n")).collect();
            format!("{HOME}{lines}{END_LINE}\nat {at}, Ctrl-C ends this{END_LINE}\n{END_SCREEN}")
        }
        (Place::Stream, Format::Table | Format::Wide) => format!("at {at}\n{text}\n"),
        (Place::Stream, Format::Json | Format::Jsonl) => text.to_owned(),
    }
}

/// What programs are told: that nobody answers is a failure as any other.
fn failure(error: &ClientError) -> Failure {
    let code = match error {
        ClientError::Failed(failure) => return failure.clone(),
        ClientError::NotRunning(_) => Code::PeerUnreachable,
        ClientError::NotAllowed(_) => Code::Denied,
        ClientError::Late { .. } => Code::Timeout,
        ClientError::Declined { .. } | ClientError::Refused { .. } | ClientError::Garbled { .. } => Code::Other,
    };
    Failure::new(code, Stage::Local, error.to_string())
}

#[cfg(test)]
mod tests {
    use warren_raft::Timestamp;

    use super::*;

    #[test]
    fn on_a_terminal_it_takes_the_place_of_the_one_before_and_nothing_of_that_stays() {
        let at = Time::from(Timestamp(1_790_000_000_000));
        let shown = placed("a\nb\n", at, (Place::Screen, Format::Table));
        assert!(shown.starts_with("\u{1b}[Ha\u{1b}[K\nb\u{1b}[K\n") && shown.ends_with("\u{1b}[K\n\u{1b}[J"), "{shown:?}");
        assert!(!placed("a\n", at, (Place::Stream, Format::Table)).contains('\u{1b}'));
        assert_eq!(placed("{}\n", at, (Place::Stream, Format::Jsonl)), "{}\n", "a line for each");
    }

    #[test]
    fn that_nobody_answers_has_a_code() {
        let path = || std::path::PathBuf::from("/run/x.sock");
        assert_eq!(failure(&ClientError::NotRunning(path())).code(), Code::PeerUnreachable);
        assert_eq!(failure(&ClientError::Late { socket: path(), deadline: EVERY }).code(), Code::Timeout);
    }
}
