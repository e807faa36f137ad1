//! `cargo sim meta`: the same seed twice gives the same run, or nothing that a seed says can be believed.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use crate::say::say;
use crate::trace::{Difference, difference};
use crate::trial::{HANG, Program, Subject, Verdict, each};

/// Run seeds twice, each in two processes, and compare their traces line by line
#[derive(Debug, Args)]
pub(super) struct MetaArgs {
    /// The first seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
}

impl MetaArgs {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let program = Program::this(HANG)?;
        let mut same = true;
        for seed in (0..self.seeds).map(|number| self.seed.wrapping_add(number)) {
            same &= is_same(&program, seed)?;
        }
        Ok(if same { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Runs it twice, and tells what comes out.
fn is_same(program: &Program, seed: u64) -> anyhow::Result<bool> {
    let home = tempfile::tempdir()?;
    let traces = ["first", "second"].map(|name| home.path().join(name));
    let mut verdicts: Vec<Verdict> = Vec::new();
    each(
        NonZeroUsize::new(traces.len()).unwrap_or(NonZeroUsize::MIN),
        traces.iter(),
        |trace| program.run_with(Subject::Seed(seed), &["--trace".into(), trace.into()]),
        |verdict| verdicts.push(verdict),
    );
    let again = format!("  again: cargo sim meta --seed {seed} --seeds 1");
    if let Some((invariant, what)) = verdicts.iter().filter_map(|verdict| verdict.report.violation.as_ref()).find(|(id, _)| is_broken(id)) {
        say(format_args!("seed {seed}: {invariant}: {what}\n{again}"));
        return Ok(false);
    }
    let [first, second] = traces.each_ref().map(|path| lines(path));
    match difference(first?, second?)? {
        Ok(lines) if lines > 0 => {
            say(format_args!("seed {seed}: {lines} lines, twice the same"));
            Ok(true)
        }
        Ok(_) => {
            say(format_args!("seed {seed}: both traces are empty\n{again}"));
            Ok(false)
        }
        Err(Difference { line, before, first, second }) => {
            say(format_args!("seed {seed}: the traces differ in line {line}, behind\n{}", before.join("\n")));
            say(format_args!("  first:  {first}\n  second: {second}\n{again}"));
            Ok(false)
        }
    }
}

/// A process that died or hung has no trace to compare. What a seed violates in both is no matter here.
fn is_broken(invariant: &str) -> bool {
    matches!(invariant, "hang" | "harness")
}

fn lines(path: &Path) -> std::io::Result<impl Iterator<Item = std::io::Result<String>> + use<>> {
    Ok(BufReader::new(File::open(path)?).lines())
}
