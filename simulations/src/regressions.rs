//! Plans that are kept in files, each with what it once violated.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::plan::Plan;
use crate::run::Report;

/// A plan in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// What it is about.
    #[serde(default)]
    pub about: String,
    /// What it once violated: the invariant, and what was seen.
    #[serde(default)]
    pub violated: Option<(String, String)>,
    /// How it must end, where that is not well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub must: Option<Must>,
    /// The plan.
    pub plan: Plan,
}

/// How a run must end that is about something of which no cluster can make good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Must {
    /// This invariant is violated: whoever looks at the disks sees it.
    Violate(String),
    /// A member refuses to open its disk, its process ends with the reason, and nothing is violated.
    Refuse {
        /// What the reason says, among others.
        reason: String,
    },
}

impl Must {
    /// What is missing of it in a run.
    pub fn missing(&self, report: &Report) -> Option<String> {
        let violated = report.violation.as_ref().map(|(invariant, _)| invariant);
        match self {
            Self::Violate(invariant) => {
                (violated != Some(invariant)).then(|| format!("{invariant} had to be violated, and not {violated:?}"))
            }
            Self::Refuse { reason } => {
                let (refused, ended) = (report.disks.refused, report.failures.keys().filter(|failure| failure.contains(reason)).count());
                let is_so = violated.is_none() && refused > 0 && ended > 0;
                (!is_so).then(|| {
                    format!(
                        "a disk had to be refused: {refused} were, {ended} processes ended with `{reason}`, and {violated:?} was violated"
                    )
                })
            }
        }
    }
}

/// Why a file gives no plan.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// It cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is no plan.
    #[error("{}: no plan: {error}", path.display())]
    NoPlan {
        /// Which.
        path: PathBuf,
        /// Why.
        error: serde_json::Error,
    },
}

impl Kept {
    /// Reads one: what this module writes, or a plan alone.
    ///
    /// # Errors
    /// [`KeptError`]
    pub fn read(path: &Path) -> Result<Self, KeptError> {
        let text = std::fs::read_to_string(path).map_err(|error| KeptError::File { path: path.to_owned(), error })?;
        let no_plan = |error| KeptError::NoPlan { path: path.to_owned(), error };
        let value: serde_json::Value = serde_json::from_str(&text).map_err(no_plan)?;
        if value.get("plan").is_some() {
            return serde_json::from_value(value).map_err(no_plan);
        }
        Ok(Self { about: String::new(), violated: None, must: None, plan: serde_json::from_value(value).map_err(no_plan)? })
    }

    /// Writes it, for people to read.
    ///
    /// # Errors
    /// [`KeptError`]
    pub fn write(&self, path: &Path) -> Result<(), KeptError> {
        let text = serde_json::to_string_pretty(self).map_err(|error| KeptError::NoPlan { path: path.to_owned(), error })?;
        std::fs::write(path, text + "\n").map_err(|error| KeptError::File { path: path.to_owned(), error })
    }
}

/// Where they are kept.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions")
}

/// The plan with which a bug of the product is shown that random seeds do not find, if there is one.
pub fn of_mutant(name: &str) -> Option<PathBuf> {
    let path = directory().join("mutants").join(format!("{name}.json"));
    path.exists().then_some(path)
}

/// All that are kept, in order. None of them may violate anything any more.
///
/// # Errors
/// [`KeptError`]
pub fn all() -> Result<Vec<PathBuf>, KeptError> {
    plans(&directory())
}

/// Those that must end in another way than well, in order.
///
/// # Errors
/// [`KeptError`]
pub fn expected() -> Result<Vec<PathBuf>, KeptError> {
    plans(&directory().join("expected"))
}

fn plans(directory: &Path) -> Result<Vec<PathBuf>, KeptError> {
    let failed = |error| KeptError::File { path: directory.to_owned(), error };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::disk::DiskCounters;
    use crate::mutants::MUTANTS;
    use crate::plan::BY_HAND;

    #[test]
    fn a_kept_plan_is_read_as_it_was_written_and_a_plan_alone_is_one() {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("a.json");
        let kept = Kept { about: "x".into(), violated: Some(("T3".into(), "y".into())), must: None, plan: Plan::generate(5) };
        kept.write(&path).expect("written");
        assert_eq!(Kept::read(&path).expect("a plan"), kept);
        std::fs::write(&path, serde_json::to_string(&kept.plan).expect("JSON")).expect("written");
        assert_eq!(Kept::read(&path).expect("a plan").plan, kept.plan);
    }

    #[test]
    fn what_is_no_plan_says_so_with_its_name() {
        let home = tempfile::tempdir().expect("a directory");
        for (name, text) in [("a", "{"), ("b", "{}"), ("c", "{\"plan\": 1}"), ("d", "[]")] {
            let path = home.path().join(name);
            std::fs::write(&path, text).expect("written");
            let error = Kept::read(&path).map_err(|error| error.to_string()).expect_err(text);
            assert!(error.contains(&format!("/{name}: no plan: ")), "{error}");
        }
        let missing = Kept::read(&home.path().join("none")).map_err(|error| error.to_string());
        assert!(missing.is_err_and(|error| error.contains("/none: ")));
    }

    #[test]
    fn a_run_ends_as_expected_only_with_all_of_it() {
        let report = |violated: Option<&str>, refused: u64, failure: &str| Report {
            violation: violated.map(|invariant| (invariant.to_owned(), String::new())),
            disks: DiskCounters { refused, ..DiskCounters::default() },
            failures: [(failure.to_owned(), 1)].into(),
            ..Report::default()
        };
        let (lied, refuses) = (Must::Violate("R9".into()), Must::Refuse { reason: "has lost".into() });
        for (must, report, is_met) in [
            (&lied, report(Some("R9"), 0, ""), true),
            (&lied, report(Some("R4"), 0, ""), false),
            (&lied, report(None, 1, "it has lost"), false),
            (&refuses, report(None, 1, "it has lost it"), true),
            (&refuses, report(None, 1, "no space"), false),
            (&refuses, report(None, 0, "it has lost it"), false),
            (&refuses, report(Some("L3"), 1, "it has lost it"), false),
        ] {
            assert_eq!(must.missing(&report).is_none(), is_met, "{must:?} {report:?}");
        }
    }

    #[test]
    fn what_no_cluster_makes_good_is_in_plans_that_say_how_they_end() {
        let mut classes = BTreeSet::new();
        for path in expected().expect("a directory") {
            let kept = Kept::read(&path).unwrap_or_else(|error| panic!("{error}"));
            assert!(kept.must.is_some() && !kept.about.is_empty(), "{} does not say how it must end, or what it is about", path.display());
            assert!(kept.plan.settings.mutants.is_empty(), "{} switches bugs on", path.display());
            classes.extend(kept.plan.events.iter().map(|timed| timed.event.class()));
        }
        for class in BY_HAND.into_iter().filter(|class| class.starts_with("disk_")) {
            assert!(classes.contains(class), "no plan has {class}");
        }
    }

    #[test]
    fn every_kept_plan_is_one_and_says_what_it_is_about() {
        for path in all().expect("a directory") {
            let kept = Kept::read(&path).unwrap_or_else(|error| panic!("{error}"));
            assert!(!kept.about.is_empty(), "{} does not say what it is about", path.display());
            assert!(kept.plan.settings.mutants.is_empty(), "{} switches bugs on", path.display());
            assert_eq!(kept.must, None, "{} must end well, as all here", path.display());
        }
        let mutants = directory().join("mutants");
        for entry in std::fs::read_dir(mutants).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            assert!(MUTANTS.iter().any(|mutant| mutant.name == name), "{} is about no mutant", path.display());
            let kept = Kept::read(&path).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(kept.plan.settings.mutants, [name]);
        }
    }
}
