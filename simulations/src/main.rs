//! The program behind `cargo sim`.

use std::process::ExitCode;

use clap::Parser;
use warren_simulations::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
