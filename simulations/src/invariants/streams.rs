//! T3, B1, B2: a dial ends in time and says how, leads where it should, and its bytes are whole or it is reset.

use std::collections::BTreeSet;
use std::time::Duration;

use warren::failure::Code;

use super::{Invariant, Violation};
use crate::cast::{Dialled, Outcome};
use crate::plan::Mode;
use crate::run::{Phase, Scene};

/// How much longer than asked for an answer may take: the client gives the proxy half a second to say why.
const GRACE: Duration = Duration::from_millis(1_500);
/// What a failure says of a table that nobody confirmed (`proxy/dial/failures.rs`).
const UNCONFIRMED: &str = "could not be confirmed";
/// An agent that nobody has.
const NOBODY: u16 = 60_000;

/// Looks at every dial once, when it has ended.
#[derive(Debug, Default)]
pub(super) struct Streams {
    seen: BTreeSet<u64>,
}

impl Invariant for Streams {
    fn look(&mut self, scene: &Scene<'_>) -> Result<(), Violation> {
        scene.stage.with_dials(|dials| {
            for (number, dial) in dials.iter().filter(|(_, dial)| dial.outcome.is_some()) {
                if self.seen.insert(*number) {
                    judge(*number, dial, scene)?;
                }
            }
            Ok(())
        })
    }
}

fn judge(number: u64, dial: &Dialled, scene: &Scene<'_>) -> Result<(), Violation> {
    let wanted = &dial.dial;
    let wrong = |invariant, what: String| Err(Violation::new(invariant, format!("dial {number} ({wanted:?}): {what}")));
    if dial.path.len() > 2 {
        return wrong("T4", format!("it went over {:?}", dial.path));
    }
    if let Some(answered) = dial.answered
        && answered > Duration::from_millis(wanted.timeout_ms) + GRACE
        && !stood_still(dial, answered, scene)
    {
        return wrong("T3", format!("it was answered after {answered:?}"));
    }
    let mut places = dial.path.clone();
    places.dedup();
    if places.len() != dial.path.len() {
        return wrong("T4", format!("it went over {:?}", dial.path));
    }
    match dial.outcome.as_ref() {
        // It waits for the answer to what it has ended: what is amiss there is the half of a stream.
        Some(Outcome::Wrong(what)) => wrong(if wanted.mode == Mode::Digest { "B2" } else { "B1" }, what.clone()),
        Some(Outcome::Failed(code, stage, message)) => {
            let meant = match wanted.mode {
                // It would be denied what it may not reach, whether it is there or not.
                Mode::Refused if wanted.agent != NOBODY => Some(Code::TargetRefused),
                Mode::Denied => Some(Code::Denied),
                Mode::Unknown => Some(Code::ServiceUnknown),
                Mode::Echo
                | Mode::Digest
                | Mode::Source
                | Mode::Reset
                | Mode::Slow
                | Mode::Stall
                | Mode::Long
                | Mode::Any
                | Mode::Refused => (wanted.agent == NOBODY).then_some(Code::ServiceUnknown),
            };
            // With nothing wrong since well before it was asked for, it must be what was meant.
            if is_calm(dial, scene) && meant != Some(*code) {
                return wrong("T1", format!("nothing is wrong, and it failed with {code} at {stage:?}: {message}"));
            }
            // An agent that is there is never said to be unknown, whatever is wrong elsewhere, unless it is said too that nobody could confirm it.
            if *code == Code::ServiceUnknown && meant != Some(Code::ServiceUnknown) && !message.contains(UNCONFIRMED) {
                return wrong("T3", format!("it is said to be unknown: {message}"));
            }
            Ok(())
        }
        Some(Outcome::Broken(how)) if is_calm(dial, scene) && !matches!(wanted.mode, Mode::Reset | Mode::Stall) => {
            wrong(if wanted.mode == Mode::Digest { "B2" } else { "B1" }, format!("nothing is wrong, and it broke: {how}"))
        }
        Some(Outcome::Whole)
            if matches!(wanted.mode, Mode::Refused | Mode::Denied | Mode::Unknown)
                || wanted.agent == NOBODY && wanted.mode != Mode::Any =>
        {
            wrong("T3", "it must not connect".to_owned())
        }
        Some(Outcome::Broken(_) | Outcome::Whole | Outcome::Abandoned) | None => Ok(()),
    }
}

/// Whether the client's machine stood still meanwhile: its clock went on, and nobody looked at it.
fn stood_still(dial: &Dialled, answered: Duration, scene: &Scene<'_>) -> bool {
    let until = dial.asked_us + u64::try_from(answered.as_micros()).unwrap_or(u64::MAX);
    scene.pauses.iter().any(|(host, from, to)| *host == dial.dial.client && *from <= until && dial.asked_us <= *to)
}

fn is_calm(dial: &Dialled, scene: &Scene<'_>) -> bool {
    let since = scene.calm_since_us.filter(|_| scene.phase >= Phase::Serve);
    since.is_some_and(|since| since < dial.asked_us)
}
