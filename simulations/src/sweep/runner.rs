//! Seed after seed, until the time is over.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::total::Total;
use crate::say::note;
use crate::stopwatch::Stopwatch;
use crate::trial::{Program, Subject, each};

/// How often it is told how far it is.
const TELL: Duration = Duration::from_secs(20);

/// How long a sweep goes on: no seed begins beyond either.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The time, if it is bounded.
    pub time: Option<Duration>,
    /// The seeds, if they are bounded.
    pub seeds: Option<u64>,
    /// How many processes at a time.
    pub jobs: NonZeroUsize,
}

/// Runs the seeds from `first` on. Tells each violation as it is found, and now and then how far it is.
pub fn sweep(program: &Program, first: u64, bounds: Bounds) -> Total {
    let began = Stopwatch::start();
    let seeds = (0..bounds.seeds.unwrap_or(u64::MAX)).map(|number| first.wrapping_add(number));
    let seeds = seeds.take_while(|_| bounds.time.is_none_or(|time| began.elapsed() < time));
    let (mut total, mut told) = (Total::default(), Duration::ZERO);
    each(
        bounds.jobs,
        seeds,
        |seed| program.run(Subject::Seed(seed)),
        |verdict| {
            if let Some((invariant, what)) = &verdict.report.violation {
                note(format_args!("VIOLATION of {invariant}: {what}\n  again: {}", verdict.subject));
            }
            total.add(verdict);
            if began.elapsed() >= told + TELL {
                told = began.elapsed();
                let hours = total.sum.simulated_ms as f64 / 3_600_000.0;
                note(format_args!(
                    "{:>4} s: {} seeds, {hours:.1} simulated hours, {} violated",
                    told.as_secs(),
                    total.runs,
                    total.violated
                ));
            }
        },
    );
    total.elapsed_ms = began.elapsed_ms();
    total
}
