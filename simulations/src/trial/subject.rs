//! What is run.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

/// What is run, and so how it is run again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The plan of a seed.
    Seed(u64),
    /// The same with a bug of the product switched on.
    Mutant(u64, String),
    /// A plan that is kept in a file.
    File(PathBuf),
}

impl Subject {
    /// The words behind `cargo sim`.
    pub fn words(&self) -> Vec<OsString> {
        match self {
            Self::Seed(seed) => vec!["run".into(), "--seed".into(), seed.to_string().into()],
            Self::Mutant(seed, name) => vec!["run".into(), "--seed".into(), seed.to_string().into(), "--mutant".into(), name.into()],
            Self::File(path) => vec!["replay".into(), path.into()],
        }
    }

    /// The seed, of a run that is nothing but one.
    pub fn seed(&self) -> Option<u64> {
        match self {
            Self::Seed(seed) | Self::Mutant(seed, _) => Some(*seed),
            Self::File(_) => None,
        }
    }
}

/// The command that does it again, exactly.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cargo sim")?;
        self.words().iter().try_for_each(|word| write!(f, " {}", word.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_says_the_command_that_does_it_again() {
        let check = |subject: Subject, command: &str| assert_eq!(subject.to_string(), command);
        check(Subject::Seed(7), "cargo sim run --seed 7");
        check(Subject::Mutant(7, "stale_read".to_owned()), "cargo sim run --seed 7 --mutant stale_read");
        check(Subject::File("simulations/regressions/a.json".into()), "cargo sim replay simulations/regressions/a.json");
    }
}
