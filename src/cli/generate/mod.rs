//! `warren generate`: what belongs beside the binary, made by the binary itself, so that it cannot be another version's.

mod completions;
mod config;
mod dashboard;
mod man;
mod systemd;
#[cfg(test)]
mod tests;

use clap::{Args, Subcommand};

use super::context::Context;
use super::{CliError, Exit};

/// Make man pages, completions, systemd units, a dashboard and the documented configuration
#[derive(Debug, Args)]
#[command(after_help = "Everything goes to standard output, but for the man pages of all verbs, which `man --dir DIR` writes.")]
pub(super) struct GenerateArgs {
    #[command(subcommand)]
    verb: GenerateVerb,
}

#[derive(Debug, Subcommand)]
enum GenerateVerb {
    Man(man::ManArgs),
    Completions(completions::CompletionsArgs),
    Systemd(systemd::SystemdArgs),
    Config(config::ConfigArgs),
    Dashboard(dashboard::DashboardArgs),
}

impl GenerateArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let text = match self.verb {
            GenerateVerb::Man(args) => args.run()?,
            GenerateVerb::Completions(args) => args.run(),
            GenerateVerb::Systemd(args) => args.run(context),
            GenerateVerb::Config(args) => args.run(),
            GenerateVerb::Dashboard(args) => args.run()?,
        };
        context.output().text(&text).map(|()| Exit::Success)
    }
}
