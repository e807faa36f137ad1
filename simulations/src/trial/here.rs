//! One run in this process.

use std::panic;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;

use crate::plan::Plan;
use crate::run::{Report, execute};
use crate::stopwatch::Stopwatch;

/// Runs a plan on a thread of its own, so that nothing of another run is left there. A panic, be it of a task that the product would outlive, violates N3.
///
/// # Errors
/// What cannot be run, and a trace that cannot be written.
pub fn here(plan: Plan, trace: Option<PathBuf>) -> anyhow::Result<Report> {
    let named = |path: PathBuf| std::fs::File::create(&path).with_context(|| format!("the trace cannot be written to {}", path.display()));
    let trace = trace.map(named).transpose()?;
    plan.check()?;
    let (seed, began) = (plan.seed, Stopwatch::start());
    let panics = Panics::heard();
    let ran = std::thread::Builder::new().name("simulation".to_owned()).spawn(move || execute(plan, trace))?;
    let mut report = match ran.join() {
        Ok(report) => report?,
        Err(_) => Report { seed, ..Report::default() },
    };
    if let Some(what) = panics.first() {
        report.violation.get_or_insert(("N3".to_owned(), what));
    }
    if report.violation.is_none() {
        report.last.clear();
    }
    Ok(Report { took_ms: began.elapsed_ms(), ..report })
}

/// The panics of this process.
struct Panics(Arc<Mutex<Vec<String>>>);

impl Panics {
    /// From now on they are heard; what is printed of them stays.
    fn heard() -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (kept, usual) = (heard.clone(), panic::take_hook());
        panic::set_hook(Box::new(move |panic| {
            kept.lock().unwrap_or_else(PoisonError::into_inner).push(panic.to_string().replace('\n', " "));
            usual(panic);
        }));
        Self(heard)
    }

    fn first(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).first().cloned()
    }
}
