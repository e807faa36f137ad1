//! How two processes introduce themselves, and what they can then say to each other.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::failure::{Code, Failure, Stage};

/// The version of the protocols this program speaks.
pub const VERSION: u16 = 1;
/// The oldest version that it still speaks.
pub const LEAST: u16 = 1;
/// The optional features that it has, a bit each: none so far.
pub const FEATURES: u64 = 0;
/// Longest version of a program that is shown.
const MAX_SOFTWARE: usize = 64;

/// The first thing each side says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The highest protocol version the sender speaks. Both speak the lower one of theirs, unless it is lower than what one of them still speaks.
    pub version: u16,
    /// A bit for each optional feature that the sender has. Only those are used that both have; unknown bits are ignored.
    pub features: u64,
    /// The sender's version of warren, for people.
    pub software: String,
}

/// What two sides can say to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// The version that both speak.
    pub version: u16,
    /// The features that both have.
    pub features: u64,
}

/// Who said hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// An agent.
    Agent,
    /// A client.
    Client,
    /// A machine that enrols.
    Machine,
    /// A proxy.
    Proxy,
}

/// A side that is too old for this one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{party} speaks version {version} of the protocols and the oldest that is understood here is {LEAST}: update warren there, which is {}",
    crate::failure::Printable(.software)
)]
pub struct TooOld {
    party: Party,
    version: u16,
    software: String,
}

impl Hello {
    /// What this program says of itself.
    pub fn ours() -> Self {
        Self { version: VERSION, features: FEATURES, software: env!("CARGO_PKG_VERSION").to_owned() }
    }

    /// What can be said to the `party` that said this.
    ///
    /// # Errors
    /// [`TooOld`]: nothing.
    pub fn agree(&self, party: Party) -> Result<Agreed, TooOld> {
        let version = self.version.min(VERSION);
        if version < LEAST {
            return Err(TooOld { party, version, software: self.software() });
        }
        Ok(Agreed { version, features: self.features & FEATURES })
    }

    /// The sender's version of warren, no longer than it can be.
    pub fn software(&self) -> String {
        self.software.chars().take(MAX_SOFTWARE).collect()
    }
}

impl TooOld {
    /// What the side that is too old is told, or whoever wanted to talk to it.
    pub fn failure(&self) -> Failure {
        let Self { party, version, software } = self;
        let message = format!("{party} speaks version {version} of the protocols, and the oldest that is understood here is {LEAST}");
        Failure::new(Code::Denied, Stage::Ingress, message).with_hint(format!("update warren on {}, which is {software}", party.machine()))
    }
}

/// What a side that may be newer is answered where it asked for something that only a later version knows.
pub fn not_understood(what: &dyn fmt::Display) -> Failure {
    Failure::new(Code::Other, Stage::Ingress, format!("{what} is not known to this version of warren, which is {}", Hello::ours().software))
        .with_hint("update warren on the machine that says so")
}

impl Party {
    fn machine(self) -> &'static str {
        match self {
            Self::Agent => "the agent's machine",
            Self::Client => "the client's machine",
            Self::Machine => "the machine that enrols",
            Self::Proxy => "the proxy's machine",
        }
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Agent => "the agent",
            Self::Client => "the client",
            Self::Machine => "the machine",
            Self::Proxy => "the proxy",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_speak_what_the_older_one_speaks() {
        let hello = |version, features| Hello { version, features, software: "9.9".to_owned() };
        assert_eq!(Hello::ours().agree(Party::Proxy), Ok(Agreed { version: VERSION, features: FEATURES }));
        assert_eq!(hello(9, u64::MAX).agree(Party::Agent), Ok(Agreed { version: VERSION, features: FEATURES }));
        assert_eq!(hello(LEAST, 0).agree(Party::Client), Ok(Agreed { version: LEAST, features: 0 }));
    }

    #[test]
    fn who_is_too_old_is_told_what_to_update() {
        let old = Hello { version: LEAST - 1, features: 0, software: "0.0.1\u{1b}".repeat(99) };
        let error = old.agree(Party::Agent).expect_err("too old");
        assert!(
            error.to_string().starts_with(
                "the agent speaks version 0 of the protocols and the oldest that is understood here is 1: update warren there"
            )
        );
        assert!(error.to_string().len() < 1024 && !error.to_string().contains('\u{1b}'), "{error}");
        for (party, machine) in
            [(Party::Agent, "agent's"), (Party::Client, "client's"), (Party::Machine, "that enrols"), (Party::Proxy, "proxy's")]
        {
            let failure = old.agree(party).expect_err("too old").failure();
            assert_eq!(failure.code(), Code::Denied);
            assert!(failure.hint().is_some_and(|hint| hint.contains("update warren") && hint.contains(machine)), "{failure}");
        }
    }
}
