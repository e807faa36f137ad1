//! `cargo sim run`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;

use crate::plan::Plan;
use crate::run::{Report, execute};

/// Run one seed
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The seed
    #[arg(long)]
    seed: u64,
    /// Where every line of what happens is written, each datagram among them
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// The product's logs, on standard error: as `warren=debug`
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// The report as JSON
    #[arg(long)]
    json: bool,
    /// A bug of the product that is switched on
    #[arg(long, value_name = "NAME")]
    mutant: Vec<String>,
}

impl RunArgs {
    pub(super) fn run(self) -> ExitCode {
        if let Some(filter) = &self.log {
            tracing_subscriber::fmt().with_env_filter(filter).without_time().with_writer(std::io::stderr).init();
        }
        let mut plan = Plan::generate(self.seed);
        plan.settings.mutants = self.mutant;
        match one(plan, self.trace) {
            Ok(report) => show(&report, self.json),
            Err(error) => {
                eprintln!("{error:#}");
                ExitCode::from(2)
            }
        }
    }
}

/// Runs a plan on a thread of its own, so that nothing of another run is left there.
pub(super) fn one(plan: Plan, trace: Option<PathBuf>) -> anyhow::Result<Report> {
    let trace = trace.map(std::fs::File::create).transpose()?;
    let home = tempfile::tempdir()?;
    let path = home.path().to_owned();
    let ran = std::thread::Builder::new().name("simulation".to_owned()).spawn(move || {
        let began = Instant::now();
        let report = execute(plan, trace, path);
        report.map(|report| Report { took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX), ..report })
    })?;
    let report = ran.join().map_err(|_| anyhow::anyhow!("the simulation has panicked"))??;
    Ok(report)
}

fn show(report: &Report, json: bool) -> ExitCode {
    if json {
        println!("{}", serde_json::to_string(report).unwrap_or_default());
    } else {
        for line in &report.last {
            println!("{line}");
        }
        let seconds = report.simulated_ms / 1_000;
        println!(
            "seed {}: {seconds} s simulated in {} ms; {} of {} dials served, {:?}",
            report.seed, report.took_ms, report.served, report.asked, report.dials
        );
        println!(
            "events {:?}\nwhole again after {} ms; {} registrations; trace {:016x}, {} lines",
            report.events, report.whole_after_ms, report.registrations, report.trace.0, report.trace.1
        );
    }
    match &report.violation {
        Some((invariant, what)) => {
            println!("VIOLATION of {invariant}: {what}\n  again: cargo sim run --seed {}", report.seed);
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    }
}
