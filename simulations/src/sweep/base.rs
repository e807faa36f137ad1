//! The first seed of a sweep.

use std::process::Command;
use std::str::FromStr;

/// Where a sweep begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// At this seed.
    Seed(u64),
    /// At one that follows from the commit, so that each explores anew and everybody explores the same of it.
    Commit,
}

/// Why a sweep has no first seed.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    /// git does not know the commit.
    #[error("no commit to begin from: {0}")]
    NoCommit(String),
    /// Neither a number nor `commit`.
    #[error("`{0}` is neither a number nor `commit`")]
    Neither(String),
}

impl FromStr for Base {
    type Err = BaseError;

    fn from_str(text: &str) -> Result<Self, BaseError> {
        if text == "commit" {
            return Ok(Self::Commit);
        }
        text.parse().map(Self::Seed).map_err(|_| BaseError::Neither(text.to_owned()))
    }
}

impl Base {
    /// The first seed.
    ///
    /// # Errors
    /// [`BaseError`]
    pub fn seed(self) -> Result<u64, BaseError> {
        match self {
            Self::Seed(seed) => Ok(seed),
            Self::Commit => of_commit(&commit()?.0),
        }
    }
}

/// Whether the sources are those of the commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tree {
    /// They are.
    Clean,
    /// Some were changed since.
    Modified,
}

/// The commit that is checked out.
///
/// # Errors
/// git's.
pub fn commit() -> Result<(String, Tree), BaseError> {
    let commit = git(&["rev-parse", "HEAD"])?;
    let changes = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Ok((commit, if changes.is_empty() { Tree::Clean } else { Tree::Modified }))
}

fn git(words: &[&str]) -> Result<String, BaseError> {
    let asked = Command::new("git").args(words).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let answer = asked.map_err(|error| BaseError::NoCommit(error.to_string()))?;
    if !answer.status.success() {
        return Err(BaseError::NoCommit(String::from_utf8_lossy(&answer.stderr).trim().to_owned()));
    }
    Ok(String::from_utf8_lossy(&answer.stdout).trim().to_owned())
}

/// Few enough digits that a seed can be read out and typed, with room between two commits' seeds.
fn of_commit(commit: &str) -> Result<u64, BaseError> {
    let digits = commit.get(..10).ok_or_else(|| BaseError::NoCommit(commit.to_owned()))?;
    let number = u64::from_str_radix(digits, 16).map_err(|_| BaseError::NoCommit(commit.to_owned()))?;
    Ok(number * 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_begins_at_a_number_or_at_what_a_commit_makes() {
        assert_eq!("42".parse::<Base>().ok(), Some(Base::Seed(42)));
        assert_eq!("commit".parse::<Base>().ok(), Some(Base::Commit));
        assert_eq!("HEAD".parse::<Base>().map_err(|error| error.to_string()), Err("`HEAD` is neither a number nor `commit`".to_owned()));
        assert_eq!(of_commit("250cf0e000ffffff").ok(), Some(0x0025_0cf0_e000 * 10_000));
        assert_ne!(of_commit("250cf0e000").ok(), of_commit("250cf0e001").ok());
        assert!(of_commit("none").is_err() && of_commit("not a commit").is_err());
    }
}
