//! `cargo sim shrink`.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::plan::Plan;
use crate::regressions::Kept;
use crate::say::{note, say};
use crate::shrink::{Judge, shrink};
use crate::stopwatch::Stopwatch;
use crate::trial::{HANG, Program, Subject, Verdict, each};

/// Make the plan that violates something as small as it can be
#[derive(Debug, Args)]
pub(super) struct ShrinkArgs {
    /// A plan
    #[arg(required_unless_present = "seed", conflicts_with = "seed")]
    file: Option<PathBuf>,
    /// The plan of this seed
    #[arg(long)]
    seed: Option<u64>,
    /// A bug of the product that is switched on
    #[arg(long, value_name = "NAME")]
    mutant: Option<String>,
    /// Where the small plan is written; one that is to be kept belongs to simulations/regressions
    #[arg(long, value_name = "FILE", default_value = "shrunk.json")]
    out: PathBuf,
    /// What the plan is about, for whoever finds it there
    #[arg(long, default_value = "")]
    about: String,
    /// Most plans that are tried
    #[arg(long, default_value_t = 400)]
    tries: usize,
    /// How long it goes on
    #[arg(long, default_value_t = 5.0)]
    minutes: f64,
}

impl ShrinkArgs {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let mut plan = match (&self.file, self.seed) {
            (Some(file), _) => Kept::read(file)?.plan,
            (None, seed) => Plan::generate(seed.unwrap_or_default()),
        };
        plan.settings.mutants.extend(self.mutant);
        let time = Duration::try_from_secs_f64(self.minutes * 60.0)?;
        let mut trial = Trial::new(time, self.tries)?;
        let Some((invariant, what)) = trial.verdict(&plan)?.report.violation else {
            say("nothing is violated: there is nothing to shrink");
            return Ok(ExitCode::from(2));
        };
        say(format_args!("VIOLATION of {invariant}: {what}\n{}", size(&plan)));
        trial.invariant = invariant;
        let small = shrink(plan, &mut trial);
        // Once more, for what is written: the same plan gives the same run.
        let violated = trial.verdict(&small)?.report.violation;
        let (invariant, what) = violated.clone().unwrap_or_default();
        Kept { about: self.about, violated, must: None, plan: small.clone() }.write(&self.out)?;
        let Trial { tried, began, .. } = &trial;
        say(format_args!("{} after {tried} tries in {} s", size(&small), began.elapsed().as_secs()));
        say(format_args!("VIOLATION of {invariant}: {what}\n  again: {}", Subject::File(self.out)));
        Ok(ExitCode::SUCCESS)
    }
}

/// Plans in processes of their own, each a file.
struct Trial {
    program: Program,
    home: tempfile::TempDir,
    invariant: String,
    began: Stopwatch,
    time: Duration,
    tried: usize,
    most: usize,
}

impl Trial {
    fn new(time: Duration, most: usize) -> anyhow::Result<Self> {
        let home = tempfile::tempdir()?;
        Ok(Self { program: Program::this(HANG)?, home, invariant: String::new(), began: Stopwatch::start(), time, tried: 0, most })
    }

    /// What a plan comes to.
    fn verdict(&self, plan: &Plan) -> anyhow::Result<Verdict> {
        let path = self.home.path().join("plan.json");
        written(plan, &path)?;
        Ok(self.program.run(Subject::File(path)))
    }
}

impl Judge for Trial {
    fn first(&mut self, candidates: &[Plan]) -> Option<usize> {
        self.tried += candidates.len();
        let jobs = NonZeroUsize::new(candidates.len())?;
        let tried = candidates.iter().enumerate().map(|(place, plan)| (place, plan, self.home.path().join(format!("{place}.json"))));
        let mut same = Vec::new();
        let program = &self.program;
        let run = |(place, plan, path): (usize, &Plan, PathBuf)| written(plan, &path).map(|()| (place, program.run(Subject::File(path))));
        each(jobs, tried, run, |ran| match ran {
            Ok((place, verdict)) if verdict.invariant() == Some(&self.invariant) => same.push(place),
            Ok(_) => {}
            Err(error) => note(format_args!("a plan cannot be written: {error:#}")),
        });
        same.into_iter().min()
    }

    fn goes_on(&self) -> bool {
        self.tried < self.most && self.began.elapsed() < self.time
    }

    fn width(&self) -> usize {
        2
    }

    fn smaller(&mut self, plan: &Plan) {
        note(format_args!("{:>4} tries: {}", self.tried, size(plan)));
    }
}

fn written(plan: &Plan, path: &Path) -> anyhow::Result<()> {
    Ok(std::fs::write(path, serde_json::to_string(plan)?)?)
}

fn size(plan: &Plan) -> String {
    let topology = &plan.topology;
    let (proxies, agents) = (topology.proxies + topology.spares, topology.agents().count());
    format!("{} events in {} ms; {proxies} proxies, {agents} agents, {} clients", plan.events.len(), plan.length_ms, topology.clients)
}
