//! What is asked for on the command line.

use std::path::PathBuf;

use anyhow::{Context, bail, ensure};

use super::measures::{MEASURES, Measure};
use super::shared::Effort;

/// What this process is to do.
pub(crate) enum Invocation {
    /// The benchmark.
    Bench(Options),
    /// Some of the agents that do nothing, for the benchmark in another process: their settings as JSON.
    Swarm(String),
    /// A hop of a side that is not warren's, for the benchmark in another process: its settings as JSON.
    Relay(String),
}

/// What is measured, and how thoroughly.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// What is measured, in this order.
    pub(crate) measures: Vec<Measure>,
    /// How often each case.
    pub(crate) repeat: usize,
    /// How thoroughly.
    pub(crate) effort: Effort,
    /// Where the plots and the report go, if anywhere.
    pub(crate) out: Option<PathBuf>,
}

/// Reads the arguments. Cargo adds `--bench` to them.
pub(crate) fn read(arguments: impl Iterator<Item = String>) -> anyhow::Result<Invocation> {
    let mut arguments = arguments.filter(|argument| argument != "--bench");
    let (mut measures, mut repeat, mut effort, mut out) = (Vec::new(), None, Effort::Full, None);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--relay" => return Ok(Invocation::Relay(arguments.next().context("`--relay` takes its settings")?)),
            "--swarm" => return Ok(Invocation::Swarm(arguments.next().context("`--swarm` takes its settings")?)),
            "--quick" => effort = Effort::Quick,
            "--repeat" => repeat = Some(arguments.next().and_then(|times| times.parse().ok()).context("`--repeat` takes a number")?),
            "--out" => out = Some(PathBuf::from(arguments.next().context("`--out` takes a directory")?)),
            name => measures.push(named(name)?),
        }
    }
    if measures.is_empty() {
        measures = MEASURES.to_vec();
    }
    let repeat = repeat.unwrap_or_else(|| effort.pick(1, 3));
    ensure!(repeat > 0, "`--repeat` takes a number above 0");
    Ok(Invocation::Bench(Options { measures, repeat, effort, out }))
}

fn named(name: &str) -> anyhow::Result<Measure> {
    let Some(measure) = MEASURES.iter().find(|measure| measure.name == name) else {
        let known: Vec<_> = MEASURES.iter().map(|measure| measure.name).collect();
        bail!("no option and no measure `{name}`; there are `--quick`, `--repeat N`, `--out DIR` and {}", known.join(", "));
    };
    Ok(*measure)
}
