//! The command line: one file per verb.

mod fuzz;
mod meta;
mod model;
mod mutants;
mod replay;
mod run;
mod scale;
mod shrink;
mod soak;
mod sweep;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::say::note;

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
    Sweep(sweep::SweepArgs),
    Meta(meta::MetaArgs),
    Replay(replay::ReplayArgs),
    Shrink(shrink::ShrinkArgs),
    Mutants(mutants::MutantsArgs),
    Soak(soak::SoakArgs),
    /// Feeds every decoder with what it was never meant to read.
    Fuzz(fuzz::Fuzz),
    /// Looks at every state of registrations, epochs and withdrawals.
    Model(model::ModelArgs),
    Scale(scale::ScaleArgs),
}

impl Cli {
    /// Does it. The exit status is 0 when nothing was violated, 1 when something was, and 2 when it tells nothing.
    pub fn run(self) -> ExitCode {
        let done = match self.verb {
            Verb::Run(args) => args.run(),
            Verb::Sweep(args) => args.run(),
            Verb::Meta(args) => args.run(),
            Verb::Replay(args) => args.run(),
            Verb::Shrink(args) => args.run(),
            Verb::Mutants(args) => args.run(),
            Verb::Soak(args) => args.run(),
            Verb::Fuzz(fuzz) => Ok(fuzz.run()),
            Verb::Model(args) => Ok(args.run()),
            Verb::Scale(args) => args.run(),
        };
        done.unwrap_or_else(|error| {
            note(format_args!("{error:#}"));
            ExitCode::from(2)
        })
    }
}
