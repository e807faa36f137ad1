//! `cargo sim fuzz`: every decoder, fed with what it was never meant to read.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use tokio::time::Instant;

use crate::fuzz::{Corpus, Finding, Session, TARGETS, Target, target};

/// How long one input may take: thousands are read in a second.
const HANGS: Duration = Duration::from_secs(30);

/// What to feed, and for how long.
#[derive(Debug, Args)]
pub(super) struct Fuzz {
    /// The target; each of them in turn if none is named.
    target: Option<String>,
    /// For how many minutes in all.
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// What the inputs are drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only writes the valid inputs of every kind into the corpora.
    #[arg(long)]
    seed_corpus: bool,
    /// Keeps inputs that led somewhere new in the corpora.
    #[arg(long)]
    keep: bool,
    /// Only tries the input in this file.
    #[arg(long, value_name = "FILE", requires = "target")]
    input: Option<PathBuf>,
}

impl Fuzz {
    /// Does it: 0 where nothing was found, 1 with a bug, 2 where nothing could be tried.
    pub(super) fn run(self) -> ExitCode {
        match self.each() {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(1),
            Err(error) => {
                let _ = writeln!(io::stderr(), "error: {error:#}");
                ExitCode::from(2)
            }
        }
    }

    /// Whether none of the targets has a bug.
    fn each(&self) -> anyhow::Result<bool> {
        let targets: Vec<&'static Target> = match &self.target {
            Some(name) => vec![target(name).ok_or_else(|| anyhow::anyhow!("there is no target `{name}`: {}", names()))?],
            None => TARGETS.iter().collect(),
        };
        let share = Duration::try_from_secs_f64(self.minutes * 60.0)? / u32::try_from(targets.len())?;
        let mut sound = true;
        for target in targets {
            if self.seed_corpus {
                seed(target)?;
            } else if let Some(file) = &self.input {
                writeln!(io::stdout(), "{}", target.run(&std::fs::read(file)?))?;
            } else {
                sound &= self.feed(target, share)?;
            }
        }
        Ok(sound)
    }

    /// Feeds one target for so long; whether it has no bug.
    fn feed(&self, target: &'static Target, share: Duration) -> anyhow::Result<bool> {
        let corpus = Corpus::new(&Corpus::committed(), target);
        let inputs: Vec<_> = corpus.inputs()?.into_iter().map(|(_, input)| input).collect();
        anyhow::ensure!(!inputs.is_empty(), "`{}` has no corpus: cargo sim fuzz --seed-corpus", target.name);
        let (watch, until) = (Watch::begin(target), Instant::now() + share);
        let mut session = match Session::new(target, inputs, self.seed) {
            Ok(session) => session,
            Err(finding) => return report(&corpus, target, finding),
        };
        while Instant::now() < until {
            let input = session.next_input();
            watch.tries(&input);
            match session.try_out(input) {
                Finding::Nothing => {}
                Finding::NewOutcome(input, _) if self.keep => drop(corpus.keep(&input)?),
                Finding::NewOutcome(..) => {}
                bug @ Finding::Bug(..) => return report(&corpus, target, bug),
            }
        }
        let tally = session.tally;
        writeln!(io::stdout(), "{:12} {:9} inputs, {:4} outcomes, {:4} of them new", target.name, tally.tried, tally.outcomes, tally.new)?;
        Ok(true)
    }
}

fn names() -> String {
    TARGETS.iter().map(|target| target.name).collect::<Vec<_>>().join(", ")
}

fn seed(target: &Target) -> anyhow::Result<()> {
    let corpus = Corpus::new(&Corpus::committed(), target);
    let seeds = target.seeds();
    for seed in &seeds {
        corpus.keep(seed)?;
    }
    writeln!(io::stdout(), "{:12} {:4} inputs: {}", target.name, seeds.len(), target.reads)?;
    Ok(())
}

/// Keeps the input that shows a bug, and says how to try it again.
fn report(corpus: &Corpus, target: &Target, finding: Finding) -> anyhow::Result<bool> {
    if let Finding::Bug(input, said) = finding {
        let file = corpus.keep(&input)?;
        writeln!(io::stdout(), "{}: {said}\n  cargo sim fuzz {} --input {}", target.name, target.name, file.display())?;
    }
    Ok(false)
}

/// Notices an input that takes for ever.
struct Watch {
    tried: AtomicU64,
    input: Mutex<Vec<u8>>,
}

impl Watch {
    /// Watches until what it gives is dropped.
    fn begin(target: &'static Target) -> Arc<Self> {
        let watch = Arc::new(Self { tried: AtomicU64::new(0), input: Mutex::default() });
        let watched = Arc::downgrade(&watch);
        // It sees by itself that nobody is left to be watched.
        std::thread::spawn(move || {
            let mut before = None;
            loop {
                std::thread::sleep(HANGS);
                let Some(watch) = watched.upgrade() else { return };
                let tried = watch.tried.load(Ordering::Relaxed);
                if before.replace(tried) == Some(tried) {
                    watch.give_up(target);
                }
            }
        });
        watch
    }

    fn tries(&self, input: &[u8]) {
        input.clone_into(&mut self.input.lock().unwrap_or_else(PoisonError::into_inner));
        self.tried.fetch_add(1, Ordering::Relaxed);
    }

    fn give_up(&self, target: &'static Target) -> ! {
        let input = self.input.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let finding = Finding::Bug(input, format!("an input takes longer than {HANGS:?}"));
        let _ = report(&Corpus::new(&Corpus::committed(), target), target, finding);
        std::process::exit(1);
    }
}
