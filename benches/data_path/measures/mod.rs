//! What is measured, a file each, in the order of the report.

mod bulk;
mod connections;
mod consensus;
mod exchange;
mod fairness;
mod handshakes;
mod idle;
mod loss;
mod pools;
mod stalled;

use super::bench::Bench;
use super::report::Report;

/// A measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measure {
    /// By which it is asked for.
    pub(crate) name: &'static str,
    /// Runs it.
    pub(crate) run: fn(&mut Bench, &mut Report) -> anyhow::Result<()>,
}

/// All of them.
pub(crate) const MEASURES: &[Measure] = &[
    Measure { name: "bulk", run: bulk::run },
    Measure { name: "exchange", run: exchange::run },
    Measure { name: "connections", run: connections::run },
    Measure { name: "fairness", run: fairness::run },
    Measure { name: "stalled", run: stalled::run },
    Measure { name: "loss", run: loss::run },
    Measure { name: "handshakes", run: handshakes::run },
    Measure { name: "idle", run: idle::run },
    Measure { name: "consensus", run: consensus::run },
    Measure { name: "pools", run: pools::run },
];
