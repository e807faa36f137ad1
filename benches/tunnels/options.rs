//! What is asked for on the command line.

use std::str::FromStr;

use anyhow::{Context, bail, ensure};

use super::shared::Effort;

/// What this process is to do.
pub(crate) enum Invocation {
    /// The benchmark.
    Bench(Options),
    /// Some of the agents, for the benchmark in another process: their settings as JSON.
    Swarm(String),
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// How many agents there are.
    pub(crate) agents: u64,
    /// How many tunnels each is to hold.
    pub(crate) connections: u32,
    /// How thoroughly.
    pub(crate) effort: Effort,
}

/// Reads the arguments. Cargo adds `--bench` to them.
pub(crate) fn read(arguments: impl Iterator<Item = String>) -> anyhow::Result<Invocation> {
    let mut arguments = arguments.filter(|argument| argument != "--bench");
    let (mut agents, mut connections, mut effort) = (None, 1, Effort::Full);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--swarm" => return Ok(Invocation::Swarm(arguments.next().context("`--swarm` takes its settings")?)),
            "--quick" => effort = Effort::Quick,
            "--agents" => agents = Some(number(&argument, arguments.next())?),
            "--connections" => connections = number(&argument, arguments.next())?,
            _ => bail!("no option `{argument}`; there are `--agents N`, `--connections N` and `--quick`"),
        }
    }
    let agents = agents.unwrap_or_else(|| effort.pick(100, 6_000));
    ensure!(agents > 0 && (1..=3).contains(&connections), "at least one agent, with one to three tunnels");
    Ok(Invocation::Bench(Options { agents, connections, effort }))
}

fn number<T: FromStr>(option: &str, value: Option<String>) -> anyhow::Result<T> {
    let parsed = value.as_deref().and_then(|value| value.parse().ok());
    parsed.with_context(|| format!("`{option}` takes a number"))
}
