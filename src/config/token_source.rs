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
    /// What the service manager hands to the process under this name, written `credential:NAME`.
    Credential(String),
}

/// What the name of a credential stands behind.
const CREDENTIAL: &str = "credential:";

impl std::str::FromStr for TokenSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix(CREDENTIAL) {
            _ if text == "-" => Ok(Self::Stdin),
            // It is the name of a file in one directory, and of no other.
            Some(name) if name.is_empty() || name.len() > 255 || name.starts_with('.') || name.contains(['/', '\0']) => {
                Err(format!("`{}` is not the name of a credential", crate::failure::Printable(name)))
            }
            Some(name) => Ok(Self::Credential(name.to_owned())),
            None => PathBuf::parse(text).map(Self::File),
        }
    }
}

impl fmt::Display for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Stdin => f.pad("-"),
            Self::Credential(name) => write!(f, "{CREDENTIAL}{name}"),
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
