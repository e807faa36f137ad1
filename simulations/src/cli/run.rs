//! `cargo sim run`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use crate::plan::Plan;
use crate::run::Report;
use crate::say::say;
use crate::trial::{Subject, here};
use crate::world::{now_us, running};

/// Run one seed
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The seed
    #[arg(long)]
    seed: u64,
    /// A bug of the product that is switched on
    #[arg(long, value_name = "NAME")]
    mutant: Option<String>,
    /// Where its plan is written, for `replay`
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    #[command(flatten)]
    pub(super) shown: Shown,
}

/// What a run shows.
#[derive(Debug, Args)]
pub(super) struct Shown {
    /// Where every line of what happens is written, each datagram among them
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// The product's logs, on standard error: as `warren=debug`
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// The report as JSON
    #[arg(long)]
    json: bool,
}

/// When a line of the product's log was written, in the world's time, and on which host.
struct WorldTime;

impl FormatTime for WorldTime {
    fn format_time(&self, line: &mut Writer<'_>) -> std::fmt::Result {
        let us = now_us();
        write!(line, "{:6}.{:03} s", us / 1_000_000, us / 1_000 % 1_000)?;
        running().map_or(Ok(()), |host| write!(line, " {}:", host.0))
    }
}

impl RunArgs {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let mut plan = Plan::generate(self.seed);
        plan.settings.mutants = self.mutant.iter().cloned().collect();
        if let Some(path) = &self.save {
            let written = std::fs::write(path, serde_json::to_string_pretty(&plan)?);
            written.with_context(|| format!("the plan cannot be written to {}", path.display()))?;
        }
        let subject = self.mutant.map_or(Subject::Seed(self.seed), |mutant| Subject::Mutant(self.seed, mutant));
        self.shown.one(&subject, plan)
    }
}

impl Shown {
    /// Runs a plan here, and shows what it was like.
    pub(super) fn one(self, subject: &Subject, plan: Plan) -> anyhow::Result<ExitCode> {
        if let Some(filter) = &self.log {
            let filter = EnvFilter::try_new(filter).with_context(|| format!("`{filter}` is no filter of logs"))?;
            tracing_subscriber::fmt().with_env_filter(filter).with_timer(WorldTime).with_ansi(false).with_writer(std::io::stderr).init();
        }
        let report = here(plan, self.trace)?;
        if self.json {
            say(serde_json::to_string(&report)?);
        } else {
            show(subject, &report);
        }
        Ok(if report.violation.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

fn show(subject: &Subject, report: &Report) {
    for line in &report.last {
        say(line);
    }
    let seconds = report.simulated_ms / 1_000;
    say(format_args!(
        "seed {}: {seconds} s simulated in {} ms; {} of {} dials served, {:?}",
        report.seed, report.took_ms, report.served, report.asked, report.dials
    ));
    say(format_args!(
        "events {:?}\nwhole again after {} ms; {} registrations; trace {:016x}, {} lines",
        report.events, report.whole_after_ms, report.registrations, report.trace.0, report.trace.1
    ));
    if let Some((invariant, what)) = &report.violation {
        say(format_args!("VIOLATION of {invariant}: {what}\n  again: {subject}"));
    }
}
