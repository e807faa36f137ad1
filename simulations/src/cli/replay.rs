//! `cargo sim replay`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::run::Shown;
use crate::regressions::{self, Kept};
use crate::say::say;
use crate::trial::{HANG, Program, Subject, each};

/// Run the plan of a file, or all that are kept
#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// The plan
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    file: Option<PathBuf>,
    /// All plans of simulations/regressions: each once violated something, and must not any more; and those of what no cluster makes good, which must end as they say
    #[arg(long)]
    all: bool,
    /// Without the bugs that the plan switches on
    #[arg(long)]
    mended: bool,
    #[command(flatten)]
    shown: Shown,
}

impl ReplayArgs {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let Some(file) = self.file else { return all() };
        let Kept { mut plan, .. } = Kept::read(&file)?;
        if self.mended {
            plan.settings.mutants.clear();
        }
        self.shown.one(&Subject::File(file), plan)
    }
}

/// Runs all that are kept, each in a process of its own.
fn all() -> anyhow::Result<ExitCode> {
    let (program, paths) = (Program::this(HANG)?, regressions::all()?);
    anyhow::ensure!(!paths.is_empty(), "no plan is kept: nothing was looked at");
    let well = well(&program, paths);
    let ended = as_expected(&program, regressions::expected()?)?;
    Ok(if well && ended { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether each of those ends as it must that must not end well.
fn as_expected(program: &Program, paths: Vec<PathBuf>) -> anyhow::Result<bool> {
    let (count, mut others) = (paths.len(), 0_usize);
    for path in paths {
        let must = Kept::read(&path)?.must.ok_or_else(|| anyhow::anyhow!("{} does not say how it must end", path.display()))?;
        let verdict = program.run(Subject::File(path));
        if let Some(missing) = must.missing(&verdict.report) {
            others += 1;
            say(format_args!("{}\nNOT AS EXPECTED: {missing}\n  again: {}", verdict.report.last.join("\n"), verdict.subject));
        }
    }
    say(format_args!("{count} plans of what no cluster makes good, {others} did not end as they must"));
    Ok(others == 0)
}

/// Whether none of them violates anything.
fn well(program: &Program, paths: Vec<PathBuf>) -> bool {
    let count = paths.len();
    let mut violated = 0_usize;
    let jobs = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    each(
        jobs,
        paths.into_iter(),
        |path| program.run(Subject::File(path)),
        |verdict| {
            say(format_args!("{}: {}", verdict.subject, if verdict.report.violation.is_some() { "violated" } else { "clean" }));
            if let Some((invariant, what)) = &verdict.report.violation {
                violated += 1;
                say(format_args!("{}\nVIOLATION of {invariant}: {what}\n  again: {}", verdict.report.last.join("\n"), verdict.subject));
            }
        },
    );
    say(format_args!("{count} kept plans, {violated} violated"));
    violated == 0
}
