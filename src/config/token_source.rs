//! Where a token is read from. The token itself never stands in a configuration.

use std::fmt;
use std::path::PathBuf;

use super::setting::{Setting, quote};

/// Where a token is read from, once it is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// The file with this path.
    File(PathBuf),
    /// Standard input, written `-`.
    Stdin,
}

impl std::str::FromStr for TokenSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "-" { Ok(Self::Stdin) } else { PathBuf::parse(text).map(Self::File) }
    }
}

impl fmt::Display for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Stdin => f.pad("-"),
        }
    }
}

impl Setting for TokenSource {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
    }

    fn show(&self) -> String {
        quote(&self.to_string())
    }
}
