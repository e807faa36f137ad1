//! A plan in, a report out.

use std::fs::File;
use std::path::PathBuf;

use super::boot::Run;
use super::execute::Execution;
use super::report::Report;
use super::watch::Watch;
use crate::disk::DiskCounters;
use crate::plan::Plan;
use crate::trace::Trace;

/// Where the files of all machines are, in their own file systems.
const HOME: &str = "/simulated";

/// Why a plan was not run, or in vain.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The program was built without what a simulation needs.
    #[error("built without `--cfg simulation --cfg tokio_unstable`: use `cargo sim`, and unset RUSTFLAGS, which overrides what it says")]
    Build,
    /// The trace is not whole.
    #[error("the trace could not be written to its end")]
    Trace,
}

/// Runs `plan`, and writes every line of what happens to `trace`.
///
/// # Errors
/// [`Refused`]
pub fn execute(plan: Plan, trace: Option<File>) -> Result<Report, Refused> {
    if !cfg!(all(simulation, tokio_unstable)) {
        return Err(Refused::Build);
    }
    let trace = Trace::new(trace);
    let report = carried_out(plan, &trace);
    if trace.is_cut() { Err(Refused::Trace) } else { Ok(report) }
}

fn carried_out(plan: Plan, trace: &Trace) -> Report {
    let run = Run::new(plan, PathBuf::from(HOME), trace.clone());
    let watch = Watch::new(run.stage.clone(), run.disks.clone());
    #[cfg(simulation)]
    let _installed = super::hooks::Installed::new(
        run.points.clone(),
        run.world.network.clone(),
        (run.disks.clone(), run.files.clone()),
        watch.clone(),
        &run.plan.settings.mutants,
    );
    let mut execution = Execution::new(run, watch);
    execution.all();
    let Execution { run, watch, events, failures, whole_after_ms, .. } = &execution;
    let mut disks = DiskCounters::default();
    for disk in run.disks.values() {
        disks += disk.counters();
    }
    let violation = watch.found().map(|violation| (violation.invariant.to_owned(), violation.what));
    let (asked, served, compared) = run.stage.with_dials(|dials| {
        let served = dials.values().filter(|dial| dial.outcome == Some(crate::cast::Outcome::Whole)).count();
        (dials.len() as u64, served as u64, dials.values().map(|dial| dial.compared).sum())
    });
    let points = run.points.counts();
    Report {
        seed: run.plan.seed,
        last: trace.last(),
        violation,
        simulated_ms: u64::try_from(run.world.now().as_millis()).unwrap_or(u64::MAX),
        took_ms: 0,
        network: run.world.network.counts(),
        disks,
        crashes_at: run.points.crashes(),
        failures: failures.clone(),
        events: events.clone(),
        dials: execution.dials(),
        asked,
        served,
        compared,
        operations: run.stage.operations(),
        registrations: watch.welcomed(),
        leaders: watch.elections(),
        points,
        whole_after_ms: *whole_after_ms,
        longest_write_gap_ms: watch.gaps_ms().0,
        longest_dial_gap_ms: watch.gaps_ms().1,
        trace: trace.digest(),
    }
}
