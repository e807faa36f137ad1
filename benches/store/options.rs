//! What is asked for on the command line.

use std::time::Duration;

use anyhow::{Context, bail};

use super::shared::Effort;

/// What this process is to do.
pub(crate) enum Invocation {
    /// The benchmarks.
    Bench(Options),
    /// One member of a group, for a benchmark in another process: its settings as JSON.
    Member(String),
    /// The weight of a table with so many routes.
    Weigh(u64),
}

/// A part of the benchmarks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Registrations committed per second.
    Commits,
    /// From an acknowledgement to visibility elsewhere.
    Visibility,
    /// Memory per route.
    Memory,
    /// Lookups per second.
    Lookups,
    /// Start-up and the installation of a snapshot.
    Restart,
    /// The data directory beside the state under churn.
    Space,
}

const PARTS: [(&str, Part); 6] = [
    ("commits", Part::Commits),
    ("visibility", Part::Visibility),
    ("memory", Part::Memory),
    ("lookups", Part::Lookups),
    ("restart", Part::Restart),
    ("space", Part::Space),
];

/// Which parts run, and how thoroughly.
#[derive(Debug)]
pub(crate) struct Options {
    /// The parts, in order.
    pub(crate) parts: Vec<Part>,
    /// How thoroughly.
    pub(crate) effort: Effort,
}

impl Options {
    /// One of two values, as the effort has it.
    pub(crate) fn pick<T>(&self, quick: T, full: T) -> T {
        self.effort.pick(quick, full)
    }

    /// How often each measurement is repeated: often and short, for a disk that others use too was seen to change fourfold within seconds.
    pub(crate) fn rounds(&self) -> usize {
        self.pick(1, 9)
    }

    /// How long one measurement lasts.
    pub(crate) fn turn(&self) -> Duration {
        self.pick(Duration::from_millis(200), Duration::from_secs(1))
    }
}

/// Reads the arguments. Cargo adds `--bench` to them.
pub(crate) fn read(arguments: impl Iterator<Item = String>) -> anyhow::Result<Invocation> {
    let mut arguments = arguments.filter(|argument| argument != "--bench");
    let (mut parts, mut effort) = (Vec::new(), Effort::Full);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--member" => return Ok(Invocation::Member(arguments.next().context("`--member` takes its settings")?)),
            "--weigh" => return Ok(Invocation::Weigh(arguments.next().context("`--weigh` takes a number")?.parse()?)),
            "--quick" => effort = Effort::Quick,
            name => match PARTS.iter().find(|(known, _)| *known == name) {
                Some((_, part)) => parts.push(*part),
                None => bail!("no part `{name}`; there are {}, and `--quick`", PARTS.map(|(name, _)| name).join(", ")),
            },
        }
    }
    if parts.is_empty() {
        parts = PARTS.map(|(_, part)| part).to_vec();
    }
    Ok(Invocation::Bench(Options { parts, effort }))
}
