//! What the measures have in common: the sides that run, the target behind them, and the runtime that traffic runs on.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::runtime::Runtime;
use tokio::time::Instant;

use super::options::Options;
use super::shared::complain;
use super::sides::{Kind, Side, Start};
use super::target::Target;

/// How often the target is looked at, and how often in a row nothing must be there.
const LOOK: Duration = Duration::from_millis(10);
const QUIET: usize = 5;
/// How long the end of a client may take to arrive at the target.
const PATIENCE: Duration = Duration::from_secs(60);

/// A run of the benchmark.
pub(crate) struct Bench {
    pub(crate) options: Options,
    /// What the traffic of client and target runs on.
    pub(crate) runtime: Runtime,
    /// What every side leads to.
    pub(crate) target: Target,
    sides: BTreeMap<Kind, Start>,
}

impl Bench {
    /// No side runs yet.
    pub(crate) fn new(options: Options) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let target = runtime.block_on(async { Target::start() })?;
        Ok(Self { options, runtime, target, sides: BTreeMap::new() })
    }

    /// Starts those of the sides that do not run yet, and gives those that can be had on this machine.
    pub(crate) fn start(&mut self, wanted: &[Kind]) -> anyhow::Result<Vec<Kind>> {
        for kind in wanted {
            if !self.sides.contains_key(kind) {
                complain(&format!("  starts {}", kind.name()));
                let start = Side::start(*kind, self.target.address()).with_context(|| format!("{} does not start", kind.name()))?;
                self.sides.insert(*kind, start);
            }
        }
        Ok(wanted.iter().copied().filter(|kind| matches!(self.sides.get(kind), Some(Start::Runs(_)))).collect())
    }

    /// Waits until no connection has reached the target or is about to: what one run has under way must not be in the way of the next one.
    pub(crate) fn settle(&self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let mut quiet = 0;
        while quiet < QUIET {
            quiet = if self.target.open() == 0 { quiet + 1 } else { 0 };
            ensure!(
                begun.elapsed() < PATIENCE,
                "{} connections are still open at the target after their clients have gone",
                self.target.open()
            );
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// A side that was started.
    ///
    /// # Panics
    /// It was not.
    pub(crate) fn side(&self, kind: Kind) -> &Side {
        match self.sides.get(&kind) {
            Some(Start::Runs(side)) => side,
            Some(Start::NotHere(_)) | None => panic!("{} was not started", kind.name()),
        }
    }

    /// Ends a side before the others.
    pub(crate) fn end(&mut self, kind: Kind) -> anyhow::Result<()> {
        match self.sides.remove(&kind) {
            Some(Start::Runs(side)) => side.stop(),
            Some(Start::NotHere(_)) | None => Ok(()),
        }
    }

    /// The sides that cannot be had here, and why.
    pub(crate) fn missing(&self) -> impl Iterator<Item = (Kind, &str)> {
        self.sides.iter().filter_map(|(kind, start)| match start {
            Start::NotHere(why) => Some((*kind, why.as_str())),
            Start::Runs(_) => None,
        })
    }

    /// Ends all sides in good order.
    pub(crate) fn stop(&mut self) -> anyhow::Result<()> {
        while let Some((kind, _)) = self.sides.first_key_value() {
            self.end(*kind)?;
        }
        Ok(())
    }
}
