//! The routing store's benchmarks: each figure beside its yardstick, in one run.
//!
//! ```sh
//! cargo bench --bench store                 # everything; takes some minutes
//! cargo bench --bench store -- commits      # one part, or several
//! cargo bench --bench store -- --quick      # does everything work? The figures mean little
//! ```
//!
//! The members are processes: this program starts itself, once per proxy, and tells each over its standard input what to do
//! (`order.rs`). What is compared runs in turns, several times, and the table shows medians. A side that did no work ends the run with an
//! error: no absolute time ever does.

mod commits;
mod group;
mod lookups;
mod member;
mod memory;
mod options;
mod order;
mod population;
mod restart;
#[path = "../shared/mod.rs"]
mod shared;
mod space;
mod visibility;
mod yardstick;

use std::process::ExitCode;

use options::{Invocation, Options, Part};
use shared::{Report, complain};

fn main() -> ExitCode {
    let outcome = match options::read(std::env::args().skip(1)) {
        Ok(Invocation::Member(settings)) => member::run(&settings),
        Ok(Invocation::Weigh(routes)) => memory::weigh(routes),
        Ok(Invocation::Bench(options)) => bench(&options),
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn bench(options: &Options) -> anyhow::Result<()> {
    let mut report = Report::new(options.effort);
    for part in &options.parts {
        match part {
            Part::Commits => commits::run(options, &mut report)?,
            Part::Visibility => visibility::run(options, &mut report)?,
            Part::Memory => memory::run(options, &mut report)?,
            Part::Lookups => lookups::run(options, &mut report)?,
            Part::Restart => restart::run(options, &mut report)?,
            Part::Space => space::run(options, &mut report)?,
        }
    }
    report.print()
}
