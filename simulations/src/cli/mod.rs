//! The command line: one file per verb.

mod fuzz;
mod model;
mod run;
mod scale;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Thousands of bad days of a whole cluster, one seed each.
#[derive(Debug, Parser)]
#[command(name = "cargo sim")]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum Verb {
    Run(run::RunArgs),
    /// Feeds every decoder with what it was never meant to read.
    Fuzz(fuzz::Fuzz),
    /// Looks at every state of registrations, epochs and withdrawals.
    Model(model::ModelArgs),
    Scale(scale::ScaleArgs),
}

impl Cli {
    /// Does it. The exit status is 0 when nothing was violated, 1 when something was, and 2 when the run tells nothing.
    pub fn run(self) -> ExitCode {
        match self.verb {
            Verb::Run(args) => args.run(),
            Verb::Fuzz(fuzz) => fuzz.run(),
            Verb::Model(args) => args.run(),
            Verb::Scale(args) => args.run(),
        }
    }
}

/// A line for people, on standard error.
fn complain(line: &str) {
    use std::io::Write as _;
    // There is nobody else to tell when nobody reads it.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Data, on standard output.
#[cfg(simulation)]
fn say(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{}", line.trim_end());
}
