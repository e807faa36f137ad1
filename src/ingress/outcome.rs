//! What became of a connection to a way in.

use std::fmt;

use crate::failure::Code;

/// What became of a connection to a way in: a label of `warren_ingress_connections_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Its target accepted, and bytes ran.
    Connected,
    /// A dial came to nothing.
    Failed(Code),
    /// What it sent is not what is spoken here.
    Malformed,
    /// It asked for something that is spoken and not served.
    Unsupported,
    /// It did not say in time what it wants.
    Silent,
    /// It showed nothing where something is asked for, or something wrong.
    Unauthenticated,
    /// It came from where no PROXY header is taken from.
    Untrusted,
    /// There was no place for it.
    Limited,
    /// It went away.
    Gone,
}

impl Outcome {
    /// Every outcome.
    pub fn all() -> impl Iterator<Item = Self> {
        let others = [Self::Malformed, Self::Unsupported, Self::Silent, Self::Unauthenticated, Self::Untrusted, Self::Limited, Self::Gone];
        [Self::Connected].into_iter().chain(Code::ALL.map(Self::Failed)).chain(others)
    }

    /// The word in labels and logs; that of a failure is its code.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Failed(code) => code.as_str(),
            Self::Malformed => "malformed",
            Self::Unsupported => "unsupported",
            Self::Silent => "silent",
            Self::Unauthenticated => "unauthenticated",
            Self::Untrusted => "untrusted",
            Self::Limited => "limited",
            Self::Gone => "gone",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
