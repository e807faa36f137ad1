//! The names people give: lower-case letters, digits and `-`, 1 to 63 characters, so that each is a DNS label too.

mod text;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use text::Text;

/// Longest name, the limit of a DNS label (RFC 1035, section 2.3.4).
pub const MAX_NAME: usize = 63;
/// The name that stands for every agent in a target.
pub const ANY: &str = "any";

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Empty, or longer than [`MAX_NAME`].
    #[error("a name has 1 to {MAX_NAME} characters, `{0}` has {n}", n = .0.chars().count())]
    Length(String),
    /// A character that a name cannot have.
    #[error("a name has lower-case letters, digits and `-` only, `{name}` has `{found}`")]
    Character {
        /// The text as given.
        name: String,
        /// The first character that does not fit.
        found: char,
    },
    /// [`ANY`], which is no agent's name.
    #[error("`{ANY}` is reserved: it stands for every agent")]
    Reserved,
    /// A pattern that is not `AGENT/SERVICE`.
    #[error("a pattern is `AGENT/SERVICE` with `*` in either part, not `{0}`")]
    Pattern(String),
}

fn check(name: &str) -> Result<Text, NameError> {
    if let Some(found) = name.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-')) {
        return Err(NameError::Character { name: name.chars().take(MAX_NAME).collect(), found });
    }
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(NameError::Length(name.chars().take(2 * MAX_NAME).collect()));
    }
    if name == ANY {
        return Err(NameError::Reserved);
    }
    Ok(Text::new(name))
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Text);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }

            /// The bytes of the text.
            pub fn as_bytes(&self) -> &[u8] {
                self.0.as_bytes()
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(name: &str) -> Result<Self, NameError> {
                check(name).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(name: String) -> Result<Self, NameError> {
                name.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.as_str().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                self.as_str()
            }
        }
    };
}

name! {
    /// An agent's name, unique in its cluster.
    AgentName
}
name! {
    /// A service's name, unique on its agent.
    ServiceName
}
name! {
    /// A client's name, unique in its cluster.
    ClientName
}
name! {
    /// A proxy's name, unique in its cluster.
    ProxyName
}

/// What a client may reach: `AGENT/SERVICE`, each part a name or a text in which `*` stands for any run of characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    agent: Glob,
    service: Glob,
}

impl Pattern {
    /// Whether the pattern covers `service` of `agent`.
    pub fn allows(&self, agent: &AgentName, service: &ServiceName) -> bool {
        self.agent.matches(agent.as_str()) && self.service.matches(service.as_str())
    }

    /// Whether the pattern covers every service of `agent`.
    pub fn allows_all_of(&self, agent: &AgentName) -> bool {
        self.agent.matches(agent.as_str()) && self.service.matches_all()
    }

    /// Whether the pattern covers `service` of some agent that there may be.
    pub fn allows_somewhere(&self, service: &ServiceName) -> bool {
        self.service.matches(service.as_str())
    }

    /// Whether the pattern covers `service` of every agent.
    pub fn allows_everywhere(&self, service: &ServiceName) -> bool {
        self.agent.matches_all() && self.service.matches(service.as_str())
    }
}

impl FromStr for Pattern {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (agent, service) = text.split_once('/').ok_or_else(|| NameError::Pattern(text.to_owned()))?;
        Ok(Self { agent: agent.parse()?, service: service.parse()? })
    }
}

impl TryFrom<String> for Pattern {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.to_string()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.agent.0, self.service.0)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A name in which `*` stands for any run of characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Glob(Arc<str>);

impl Glob {
    /// Whether every name fits.
    pub fn matches_all(&self) -> bool {
        self.0.bytes().all(|byte| byte == b'*')
    }

    /// Whether the whole of `name` fits.
    pub fn matches(&self, name: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = name.strip_prefix(first) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        for part in parts {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }
}

impl FromStr for Glob {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let literal: String = text.chars().filter(|c| *c != '*').collect();
        if !literal.is_empty() {
            match check(&literal) {
                Ok(_) | Err(NameError::Reserved) => {}
                Err(error) => return Err(error),
            }
        }
        if text.is_empty() || text.len() > 2 * MAX_NAME {
            return Err(NameError::Length(text.chars().take(2 * MAX_NAME).collect()));
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for Glob {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Glob> for String {
    fn from(glob: Glob) -> Self {
        glob.0.to_string()
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_labels() {
        for good in ["a", "lab-pi", "0", &"x".repeat(MAX_NAME)] {
            assert_eq!(good.parse::<AgentName>().expect(good).as_str(), good);
        }
        for bad in ["", "any", "A", "a_b", "a.b", "a b", "ä", "a/b", &"x".repeat(MAX_NAME + 1)] {
            assert!(bad.parse::<AgentName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn patterns_cover_what_they_say() {
        let table = [
            ("*/*", "lab-pi", "ssh", true),
            ("lab-*/ssh", "lab-pi", "ssh", true),
            ("lab-*/ssh", "lab-pi", "web", false),
            ("lab-*/ssh", "office", "ssh", false),
            ("*-pi/*", "lab-pi", "web", true),
            ("*-pi/*", "lab-pi-2", "web", false),
            ("l*b*i/*", "lab-pi", "web", true),
            ("a*a/*", "a", "web", false),
            ("a*a/*", "aa", "web", true),
            ("lab-pi/ssh", "lab-pi", "ssh", true),
            ("lab-pi/ssh", "lab-pi2", "ssh", false),
        ];
        for (pattern, agent, service, expected) in table {
            let pattern: Pattern = pattern.parse().expect("a pattern");
            let allowed = pattern.allows(&agent.parse().expect("a name"), &service.parse().expect("a name"));
            assert_eq!(allowed, expected, "{pattern} on {agent}/{service}");
        }
        for (pattern, all_of, everywhere) in
            [("*/*", true, true), ("lab-*/**", true, false), ("*/s*h", false, true), ("lab-pi/ssh", false, false), ("x/*", false, false)]
        {
            let (agent, ssh) = ("lab-pi".parse().expect("a name"), "ssh".parse().expect("a name"));
            let pattern: Pattern = pattern.parse().expect("a pattern");
            assert_eq!((pattern.allows_all_of(&agent), pattern.allows_everywhere(&ssh)), (all_of, everywhere), "{pattern}");
        }
        for bad in ["", "lab-pi", "lab-pi/", "/ssh", "a/b/c", "A/b"] {
            assert!(bad.parse::<Pattern>().is_err(), "{bad}");
        }
    }
}
