//! How fast the bytes are, and how fair: `warren` beside what people use today, in one run.
//!
//! ```sh
//! cargo bench --bench data_path                        # everything; about half an hour
//! cargo bench --bench data_path -- bulk                # one measure: their names are in `measures/mod.rs`
//! cargo bench --bench data_path -- --repeat 9          # every case nine times
//! cargo bench --bench data_path -- --out DIR           # the plots, `report.md` and `report.json` go there
//! cargo bench --bench data_path -- --quick             # does everything work? The figures mean little
//! ```
//!
//! # Sides
//!
//! A side (`sides/`) is a way for a TCP client to reach a TCP target: processes with one role each, on loopback.
//!
//! ```text
//! direct            client ------------------------------------------> target
//! one hop           client -> entry ----------> proxy --------> agent -> target
//! two hops          client -> entry -> proxy -> proxy --------> agent -> target
//! ssh -R            client -------------------> sshd ---------> ssh ---> target
//! rathole, bore     client -------------------> server -------> client -> target
//! ```
//!
//! Every side with as many hops has as many processes: where warren's entry is `warren forward`, the plain TCP relays and gRPC have an entry too. Client and target are in the
//! benchmark's own process and cost every side the same; the processor time that is told is the hops' alone.
//!
//! # A new measure
//!
//! A file `measures/NAME.rs` with one function, and a line for it in `measures/mod.rs`:
//!
//! ```ignore
//! pub(crate) fn run(bench: &mut Bench, report: &mut Report) -> anyhow::Result<()> {
//!     let sides = bench.start(&[Kind::Direct, Kind::WarrenTwo])?;       // those that can be had here; they stay until the end
//!     let mut chart = Chart::new("stalled", "Beside stalled readers", "MB/s", Better::More);
//!     for _ in 0..bench.options.repeat {
//!         for side in &sides {                                          // interleaved: load changes by the minute
//!             bench.settle()?;                                          // what the run before has under way is over
//!             let address = bench.side(*side).address();                // connect there by TCP, see `traffic/` for what the target does
//!             let cpu = bench.side(*side).cpu()?;                       // of all its hops
//!             chart.add("64 streams", side.name(), figure);
//!         }
//!     }
//!     report.aim(Aim::at_least("what", chart.ratio("64 streams", (Kind::WarrenTwo.name(), Kind::GrpcTwo.name())), 1.5));
//!     report.chart(chart)                                               // a table, and a plot `NAME.svg`
//! }
//! ```
//!
//! A measure in which a side moved nothing, or other bytes than were sent, ends with an error. No figure ever does.

mod bench;
mod measures;
mod options;
#[path = "../tunnels/order.rs"]
mod order;
mod pattern;
mod relay;
mod report;
#[path = "../shared/mod.rs"]
mod shared;
mod sides;
#[path = "../../tests/support/mod.rs"]
mod support;
#[path = "../tunnels/swarm/mod.rs"]
mod swarm;
mod target;
mod traffic;

use std::process::ExitCode;

use anyhow::ensure;
use bench::Bench;
use options::{Invocation, Options};
use report::Report;
use shared::complain;

fn main() -> ExitCode {
    let outcome = match options::read(std::env::args().skip(1)) {
        Ok(Invocation::Relay(settings)) => relay::run(&settings),
        Ok(Invocation::Swarm(settings)) => swarm::run(&settings),
        Ok(Invocation::Bench(options)) => run(options),
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

fn run(options: Options) -> anyhow::Result<()> {
    let mut report = Report::new(&options)?;
    let mut bench = Bench::new(options)?;
    let mut failed = Vec::new();
    for measure in bench.options.measures.clone() {
        complain(measure.name);
        // What the others have found is told all the same.
        if let Err(error) = (measure.run)(&mut bench, &mut report) {
            report.remark(format!("{} failed: {error:#}.", measure.name));
            failed.push(measure.name);
        }
    }
    for (kind, why) in bench.missing() {
        report.remark(format!("{}: {why}.", kind.name()));
    }
    bench.stop()?;
    report.finish()?;
    ensure!(failed.is_empty(), "{} did not succeed", failed.join(", "));
    Ok(())
}
