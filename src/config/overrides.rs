//! What beats the file: flags and variables.

use std::collections::{BTreeMap, BTreeSet};

/// The variables and flags of one run, and the name of the machine it runs on.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    variables: BTreeMap<String, String>,
    flags: BTreeMap<&'static str, Flag>,
    /// The variables of options that are no keys.
    options: BTreeSet<String>,
    host: String,
}

#[derive(Clone, Debug)]
struct Flag {
    name: &'static str,
    text: String,
}

impl Overrides {
    /// Nothing set, on a machine called `host`.
    pub fn none(host: &str) -> Self {
        Self { host: host.to_owned(), ..Self::default() }
    }

    /// What the process was started with: its `WARREN_*` variables and its host name. An empty variable is as good as none.
    pub fn from_environment() -> Self {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        let variables = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
        Self {
            variables: variables.filter(|(name, value)| name.starts_with("WARREN_") && !value.is_empty()).collect(),
            flags: BTreeMap::new(),
            options: BTreeSet::new(),
            host: text(gethostname::gethostname()),
        }
    }

    /// Sets a variable.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Notes the variables of options that are no keys; any other that is no key's is an error.
    #[must_use]
    pub fn with_options(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.options.extend(names);
        self
    }

    /// Sets the key `SECTION.KEY` by the flag called `name`. Lists are separated by commas.
    #[must_use]
    pub fn with_flag(mut self, key: &'static str, name: &'static str, text: impl Into<String>) -> Self {
        self.flags.insert(key, Flag { name, text: text.into() });
        self
    }

    /// The flag that sets `key`: its name and its text.
    pub(super) fn flag(&self, key: &str) -> Option<(&'static str, &str)> {
        self.flags.get(key).map(|flag| (flag.name, flag.text.as_str()))
    }

    /// The text of a variable.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// The names of the variables that are set.
    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }

    /// The names of the variables of options that are no keys.
    pub(super) fn options(&self) -> impl Iterator<Item = &str> {
        self.options.iter().map(String::as_str)
    }

    /// A valid name made of the machine's: its first label, lower-case, with `-` for what a name cannot have.
    pub fn host_name(&self) -> String {
        let label = self.host.split('.').next().unwrap_or_default().to_lowercase();
        let fits = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' };
        let name: String = label.chars().map(fits).take(warren_raft::names::MAX_NAME).collect();
        if name.is_empty() || name == warren_raft::names::ANY { "host".to_owned() } else { name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_name_becomes_a_name() {
        let table = [
            ("proxy-1", "proxy-1"),
            ("Lab_Pi.example.net", "lab-pi"),
            ("", "host"),
            ("any", "host"),
            ("ä", "-"),
            (&"x".repeat(99), &"x".repeat(63)),
        ];
        for (host, expected) in table {
            assert_eq!(Overrides::none(host).host_name(), expected, "{host}");
        }
    }
}
