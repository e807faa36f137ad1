//! Plans that are kept in files, each with what it once violated.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::plan::Plan;

/// A plan in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// What it is about.
    #[serde(default)]
    pub about: String,
    /// What it once violated: the invariant, and what was seen.
    #[serde(default)]
    pub violated: Option<(String, String)>,
    /// The plan.
    pub plan: Plan,
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
        Ok(Self { about: String::new(), violated: None, plan: serde_json::from_value(value).map_err(no_plan)? })
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
    let directory = directory();
    let failed = |error| KeptError::File { path: directory.clone(), error };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(&directory).map_err(failed)? {
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
    use super::*;
    use crate::mutants::MUTANTS;

    #[test]
    fn a_kept_plan_is_read_as_it_was_written_and_a_plan_alone_is_one() {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("a.json");
        let kept = Kept { about: "x".into(), violated: Some(("T3".into(), "y".into())), plan: Plan::generate(5) };
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
    fn every_kept_plan_is_one_and_says_what_it_is_about() {
        for path in all().expect("a directory") {
            let kept = Kept::read(&path).unwrap_or_else(|error| panic!("{error}"));
            assert!(!kept.about.is_empty(), "{} does not say what it is about", path.display());
            assert!(kept.plan.settings.mutants.is_empty(), "{} switches bugs on", path.display());
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
