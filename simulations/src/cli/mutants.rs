//! `cargo sim mutants`: whether the invariants see what they are for.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::mutants::{MUTANTS, Mutant};
use crate::regressions;
use crate::say::{note, say};
use crate::stopwatch::Stopwatch;
use crate::trial::{HANG, Program, Subject, each};

/// Switch each bug of the product on, and look how soon it is caught
#[derive(Debug, Args)]
pub(super) struct MutantsArgs {
    /// Most seeds for each
    #[arg(long, value_name = "COUNT", default_value_t = 30)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// This one alone
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// How many at a time; as many as there are processors where it is not given
    #[arg(long)]
    jobs: Option<NonZeroUsize>,
}

/// How one was caught, if it was.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Caught {
    /// By so many seeds, and this invariant.
    Seeds { after: u64, seed: u64, invariant: String },
    /// By the plan that is kept for it.
    Plan { path: PathBuf, invariant: String },
    /// By nothing.
    Not { tried: u64 },
}

impl MutantsArgs {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let mutants: Vec<_> = MUTANTS.iter().filter(|mutant| self.only.as_ref().is_none_or(|only| mutant.name == only)).collect();
        anyhow::ensure!(!mutants.is_empty(), "no such mutant: simulations/src/mutants.rs lists them");
        let jobs = self.jobs.map_or_else(std::thread::available_parallelism, Ok)?;
        let (program, began) = (Program::this(HANG)?, Stopwatch::start());
        let mut rows = Vec::new();
        each(
            jobs,
            mutants.into_iter(),
            |mutant| (mutant, self.hunt(&program, mutant)),
            |(mutant, caught)| {
                note(format_args!("{:>4} s: {}", began.elapsed().as_secs(), row(mutant, &caught)));
                rows.push((mutant, caught));
            },
        );
        rows.sort_by_key(|(mutant, _)| mutant.name);
        say("| bug | what is wrong | meant for | caught by | by |\n| --- | --- | --- | --- | --- |");
        for (mutant, caught) in &rows {
            say(row(mutant, caught));
        }
        let free = rows.iter().filter(|(_, caught)| matches!(caught, Caught::Not { .. })).count();
        say(format_args!("{} of {} caught", rows.len() - free, rows.len()));
        Ok(if free == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Seed after seed, and then the plan that is kept.
    fn hunt(&self, program: &Program, mutant: &Mutant) -> Caught {
        for number in 0..self.seeds {
            let seed = self.from.wrapping_add(number);
            let with = program.run(Subject::Mutant(seed, mutant.name.to_owned()));
            // What is seen without the bug too is not the bug.
            if let Some(invariant) = with.invariant()
                && program.run(Subject::Seed(seed)).invariant() != Some(invariant)
            {
                return Caught::Seeds { after: number + 1, seed, invariant: invariant.to_owned() };
            }
        }
        let not = Caught::Not { tried: self.seeds };
        let Some(path) = regressions::of_mutant(mutant.name) else { return not };
        let with = program.run(Subject::File(path.clone()));
        let without = program.run_with(Subject::File(path.clone()), &["--mended".into()]);
        match (with.invariant(), without.invariant()) {
            (Some(invariant), None) => Caught::Plan { path, invariant: invariant.to_owned() },
            _ => not,
        }
    }
}

fn row(mutant: &Mutant, caught: &Caught) -> String {
    let Mutant { name, breaks, caught_by } = mutant;
    let (invariant, by) = match caught {
        Caught::Seeds { after, seed, invariant } => {
            (invariant.as_str(), format!("seed {after} of those tried: `{}`", Subject::Mutant(*seed, (*name).to_owned())))
        }
        Caught::Plan { path, invariant } => {
            let file = path.file_name().unwrap_or_default().display();
            (invariant.as_str(), format!("`regressions/mutants/{file}`, and by no random seed"))
        }
        Caught::Not { tried } => ("nothing", format!("{tried} seeds did not, nor did a plan that is kept")),
    };
    let invariant = if invariant == *caught_by { invariant.to_owned() } else { format!("**{invariant}**") };
    format!("| `{name}` | {breaks} | {caught_by} | {invariant} | {by} |")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_caught_it_and_marks_what_was_not_meant_to() {
        let mutant = Mutant { name: "stale_read", breaks: "x", caught_by: "G5" };
        let check = |caught: Caught, expected: &str| assert_eq!(row(&mutant, &caught), expected);
        check(
            Caught::Seeds { after: 3, seed: 12, invariant: "G5".into() },
            "| `stale_read` | x | G5 | G5 | seed 3 of those tried: `cargo sim run --seed 12 --mutant stale_read` |",
        );
        check(
            Caught::Plan { path: "/a/stale_read.json".into(), invariant: "T3".into() },
            "| `stale_read` | x | G5 | **T3** | `regressions/mutants/stale_read.json`, and by no random seed |",
        );
        check(Caught::Not { tried: 9 }, "| `stale_read` | x | G5 | **nothing** | 9 seeds did not, nor did a plan that is kept |");
    }
}
