//! `cargo sim scale`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

#[cfg(simulation)]
use crate::say::{note, say};

/// How everything grows, up to 100 proxies and 100,000 agents: figures, plots and the tables of the page
#[derive(Debug, Args)]
pub(super) struct ScaleArgs {
    /// What everything follows from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only the smallest sizes, in seconds
    #[arg(long)]
    quick: bool,
    /// Only the cases whose names begin so, as `27x10000/` or `100x100000/peering-2`
    #[arg(long, conflicts_with_all = ["redraw", "clock"])]
    only: Option<String>,
    /// Where figures and plots are written, and the figures of the page that is there; nothing is written without it
    #[arg(long)]
    out: Option<PathBuf>,
    /// Draw and write anew what follows from the figures in this directory, without a run
    #[arg(long, conflicts_with_all = ["quick", "out"])]
    redraw: Option<PathBuf>,
    /// What the production's cores take in processor time at the largest sizes; it differs from run to run and is not written
    #[arg(long, conflicts_with_all = ["quick", "out", "redraw"])]
    clock: bool,
}

impl ScaleArgs {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        self.work().map(|()| ExitCode::SUCCESS)
    }

    fn work(self) -> anyhow::Result<()> {
        match &self.redraw {
            Some(place) => crate::scale::write(&crate::scale::Figures::read(&place.join("scale.json"))?, place),
            None => self.measure(),
        }
    }

    #[cfg(simulation)]
    fn measure(self) -> anyhow::Result<()> {
        use crate::scale::{Case, Effort, Figures, cases, clock, measure, write};
        if self.clock {
            return clock(&mut |line| say(line.trim_end()));
        }
        let effort = if self.quick { Effort::Quick } else { Effort::Full };
        let mut figures = Figures::default();
        let is_wanted = |case: &Case| self.only.as_ref().is_none_or(|only| case.prefix().starts_with(only));
        for case in cases(effort).iter().filter(|case| is_wanted(case)) {
            note(case.prefix());
            measure(case, self.seed, &mut figures)?;
        }
        say(figures.json().trim_end());
        self.out.map_or(Ok(()), |place| write(&figures, &place))
    }

    #[cfg(not(simulation))]
    fn measure(self) -> anyhow::Result<()> {
        let Self { seed, quick, only, out, clock, .. } = self;
        tracing::debug!(seed, quick, ?only, ?out, clock, "asked for");
        anyhow::bail!("this binary was built without the simulation: run it by `cargo sim scale`")
    }
}
