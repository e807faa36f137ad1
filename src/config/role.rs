//! What a process is, and so which tables of the file it uses.

use std::fmt;

/// What a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// `warren proxy`, `warren join`.
    Proxy,
    /// `warren agent`.
    Agent,
}

/// The tables that an agent uses. What an agent does not use of them, such as most of `[limits]`, changes nothing for it.
const OF_AN_AGENT: [&str; 4] = ["transport", "limits", "telemetry", "agent"];
/// Keys in those tables that only a proxy uses: all of `[limits]` but these.
const LIMITS_OF_AN_AGENT: [&str; 2] = ["stalled_memory", "stalled_after"];

impl Role {
    /// Both, in the order of the documentation.
    pub const ALL: [Self; 2] = [Self::Proxy, Self::Agent];

    /// Whether it uses the table, which may be one within another (`ingress.tls`).
    pub fn uses_table(self, section: &str) -> bool {
        let table = section.split('.').next().unwrap_or_default();
        match self {
            Self::Proxy => table != "agent",
            Self::Agent => OF_AN_AGENT.contains(&table),
        }
    }

    /// Whether it uses the key of a table.
    pub fn uses(self, section: &str, key: &str) -> bool {
        self.uses_table(section) && (self == Self::Proxy || section != "limits" || LIMITS_OF_AN_AGENT.contains(&key))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Proxy => "proxy",
            Self::Agent => "agent",
        })
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|role| role.to_string() == text);
        found.ok_or_else(|| format!("`{}` is neither `proxy` nor `agent`", crate::failure::Printable(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_has_its_tables() {
        for (role, section, key, expected) in [
            (Role::Proxy, "proxy", "name", true),
            (Role::Proxy, "agent", "name", false),
            (Role::Proxy, "ingress.tls", "listen", true),
            (Role::Proxy, "limits", "handshakes", true),
            (Role::Agent, "agent", "name", true),
            (Role::Agent, "ingress.tls", "listen", false),
            (Role::Agent, "telemetry", "log", true),
            (Role::Agent, "limits", "handshakes", false),
            (Role::Agent, "limits", "stalled_after", true),
        ] {
            assert_eq!(role.uses(section, key), expected, "{role} {section}.{key}");
        }
        assert_eq!("agent".parse(), Ok(Role::Agent));
        assert!("client".parse::<Role>().is_err());
    }
}
