//! `cargo sim sweep`.

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::say::{note, say};
use crate::sweep::{Base, BaseError, Bounds, ENOUGH, Total, gaps, sweep, table};
use crate::trial::{HANG, Program};

/// Seeds that are run where neither their number nor a time is given.
const SEEDS: u64 = 100;
/// The exit status of a sweep that tells nothing.
const VOID: u8 = 2;

/// Run many seeds, each in a process of its own
#[derive(Debug, Args)]
pub(super) struct SweepArgs {
    #[command(flatten)]
    extent: Extent,
    /// Void, and not green, when anything is missing; a sweep of 300 seeds always is
    #[arg(long)]
    strict: bool,
}

/// Which seeds.
#[derive(Debug, Args)]
pub(super) struct Extent {
    /// The first seed; `commit` for one that follows from the commit that is checked out
    #[arg(long, value_name = "SEED|commit", default_value = "1")]
    from: Base,
    /// For how long; 100 seeds where neither this nor their number is given
    #[arg(long)]
    minutes: Option<f64>,
    /// How many seeds
    #[arg(long, value_name = "COUNT")]
    seeds: Option<u64>,
    /// How many at a time; as many as there are processors where it is not given
    #[arg(long)]
    jobs: Option<NonZeroUsize>,
}

/// The strictness of a verdict on a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strictness {
    /// A gap is told of.
    Lenient,
    /// A gap makes it void.
    Strict,
}

impl SweepArgs {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let total = self.extent.sweep()?;
        let strictness = if self.strict { Strictness::Strict } else { Strictness::Lenient };
        Ok(conclude(&total, strictness))
    }
}

impl Extent {
    /// The first of them.
    pub(super) fn first(&self) -> Result<u64, BaseError> {
        self.from.seed()
    }

    /// Runs them.
    pub(super) fn sweep(&self) -> anyhow::Result<Total> {
        let first = self.first()?;
        let time = self.minutes.map(|minutes| Duration::try_from_secs_f64(minutes * 60.0)).transpose()?;
        let seeds = self.seeds.or_else(|| time.is_none().then_some(SEEDS));
        let jobs = self.jobs.map_or_else(std::thread::available_parallelism, Ok)?;
        note(format_args!("seeds from {first} on, {jobs} at a time"));
        Ok(sweep(&Program::this(HANG)?, first, Bounds { time, seeds, jobs }))
    }
}

/// Shows what it came to. The exit status: 0 green, 1 violated, 2 void.
pub(super) fn conclude(total: &Total, strictness: Strictness) -> ExitCode {
    say(table(total));
    let gaps = gaps(total);
    for gap in &gaps {
        say(format_args!("missing: {gap}"));
    }
    match status(total, gaps.len(), strictness) {
        Status::Green => ExitCode::SUCCESS,
        Status::Violated => {
            for found in total.found.iter().take(1) {
                say(format_args!("the last events of the first:\n{}\n  again: {}", found.last.join("\n"), found.command));
            }
            ExitCode::FAILURE
        }
        Status::Void => {
            say(format_args!("VOID: {} things are missing, so that it tells nothing", gaps.len()));
            ExitCode::from(VOID)
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Green,
    Violated,
    Void,
}

fn status(total: &Total, gaps: usize, strictness: Strictness) -> Status {
    if total.violated > 0 {
        return Status::Violated;
    }
    let counts = strictness == Strictness::Strict || total.runs >= ENOUGH;
    if total.runs == 0 || counts && gaps > 0 { Status::Void } else { Status::Green }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_with_gaps_is_void_when_it_was_long_enough_or_must_not_have_any() {
        let check = |(runs, violated, gaps), strictness, expected| {
            let total = Total { runs, violated, ..Total::default() };
            assert_eq!(status(&total, gaps, strictness), expected, "{runs} runs, {violated} violated, {gaps} gaps, {strictness:?}");
        };
        check((10, 0, 3), Strictness::Lenient, Status::Green);
        check((10, 0, 3), Strictness::Strict, Status::Void);
        check((10, 0, 0), Strictness::Strict, Status::Green);
        check((ENOUGH, 0, 1), Strictness::Lenient, Status::Void);
        check((ENOUGH, 0, 0), Strictness::Lenient, Status::Green);
        check((ENOUGH, 1, 1), Strictness::Strict, Status::Violated);
        check((0, 0, 0), Strictness::Lenient, Status::Void);
    }
}
